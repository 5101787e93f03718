/*
 * The guard for a request of evhttp.
 */
#include "leakprof_evhttp.h"

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/queue.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>

#include "serve/guesses.h"
#include "serve/head.h"

static bool read_headers(struct evhttp_request *request, const char *values[LP_HEAD_HEADERS])
{
    struct evkeyval *header;
    TAILQ_FOREACH(header, evhttp_request_get_input_headers(request), next)
    {
        enum lp_header found = lp_head_find(header->key);
        if (found == LP_HEAD_HEADERS)
            continue;
        if (values[found])
            return false;
        values[found] = header->value;
    }
    return true;
}

static bool names_are_good(struct evhttp_request *request)
{
    struct evkeyval *header;
    TAILQ_FOREACH(header, evhttp_request_get_input_headers(request), next)
    {
        if (!lp_head_is_name(header->key))
            return false;
    }
    return true;
}

/* evhttp reads no body for other methods, unknown ones included. */
static bool may_have_body(enum evhttp_cmd_type method)
{
    return method & (EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |
                     EVHTTP_REQ_OPTIONS | EVHTTP_REQ_CONNECT | EVHTTP_REQ_PATCH);
}

static void close_afterwards(struct evhttp_request *request)
{
    evhttp_add_header(evhttp_request_get_output_headers(request), "Connection", "close");
}

/* evhttp must not take for a request what may be a body. */
static int refuse_and_close(struct evhttp_request *request, int status)
{
    close_afterwards(request);
    return status;
}

/* evhttp answers with the version of the request, whatever that is. Before 1.0 it leaves the length
 * of the answer out. */
static bool other_version(struct evhttp_request *request)
{
    if (request->major == 1 && (request->minor == 0 || request->minor == 1))
        return false;
    request->major = request->minor = 1;
    return true;
}

/* Nothing is sent on this connection for a second. Without memory, the answer is sent at once. */
static void answer_slowly(struct evhttp_request *request)
{
    enum { PER_SECOND = 4096 /* a longer answer takes longer */ };
    static _Atomic(struct ev_token_bucket_cfg *) shared;
    struct ev_token_bucket_cfg *rate = atomic_load(&shared), *none = NULL;
    if (!rate) {
        rate = ev_token_bucket_cfg_new(EV_RATE_LIMIT_MAX, EV_RATE_LIMIT_MAX, PER_SECOND, PER_SECOND,
                                       &(struct timeval){.tv_sec = 1});
        if (rate && !atomic_compare_exchange_strong(&shared, &none, rate)) {
            ev_token_bucket_cfg_free(rate);
            rate = none;
        }
    }
    struct bufferevent *connection =
        evhttp_connection_get_bufferevent(evhttp_request_get_connection(request));
    if (rate && bufferevent_set_rate_limit(connection, rate) == 0)
        bufferevent_decrement_write_limit(connection, PER_SECOND);
    close_afterwards(request);
}

int leakprof_evhttp_check(const struct leakprof_guard *guard, struct evhttp_request *request,
                          bool changes, const char **why)
{
    const char *values[LP_HEAD_HEADERS] = {0};
    if (other_version(request)) {
        *why = "only HTTP/1.0 and HTTP/1.1 are supported";
        return refuse_and_close(request, 505);
    }
    if (!names_are_good(request)) {
        *why = LP_HEAD_BAD_NAME;
        return refuse_and_close(request, 400);
    }
    if (!read_headers(request, values)) {
        *why = LP_HEAD_REPEATED;
        return refuse_and_close(request, 400);
    }
    *why = lp_head_ambiguity(!may_have_body(evhttp_request_get_command(request)),
                             values[LP_HEAD_LENGTH], values[LP_HEAD_CODING]);
    if (*why)
        return refuse_and_close(request, 400);
    if (values[LP_HEAD_CODING])
        close_afterwards(request); /* the gate does not look for the end of the chunks */

    /* If the request line has a whole URL, its host is used, and Host is ignored. */
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
    const char *host = uri ? evhttp_uri_get_host(uri) : NULL;
    const struct evkeyvalq *in = evhttp_request_get_input_headers(request);
    const struct leakprof_headers headers = {.host = host ? host : values[LP_HEAD_HOST],
                                             .origin = values[LP_HEAD_ORIGIN],
                                             .sec_fetch_site = values[LP_HEAD_SITE],
                                             .authorization = values[LP_HEAD_AUTHORIZATION],
                                             .user_agent = evhttp_find_header(in, "User-Agent"),
                                             .accept_language =
                                                 evhttp_find_header(in, "Accept-Language"),
                                             .changes = changes};
    int status = leakprof_guard_check(guard, &headers, why);
    if (status == 401 && values[LP_HEAD_AUTHORIZATION] && lp_guesses_are_many())
        answer_slowly(request);
    return status;
}

void leakprof_evhttp_challenge(struct evhttp_request *request)
{
    struct evkeyvalq *out = evhttp_request_get_output_headers(request);
    evhttp_add_header(out, "WWW-Authenticate", LP_HEAD_BASIC);
    evhttp_add_header(out, "WWW-Authenticate", LP_HEAD_BEARER);
}
