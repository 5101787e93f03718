/*
 * The guard for a request of evhttp.
 */
#include "leakprof_evhttp.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>

/* The headers that are checked. Each may be given once. */
enum { HOST, ORIGIN, SITE, AUTHORIZATION, LENGTH, CODING, HEADERS };

static bool read_headers(struct evhttp_request *request, const char *values[HEADERS])
{
    static const char *const names[HEADERS] = {
        "Host", "Origin", "Sec-Fetch-Site", "Authorization", "Content-Length", "Transfer-Encoding"};
    struct evkeyval *header;
    TAILQ_FOREACH(header, evhttp_request_get_input_headers(request), next)
    {
        for (int i = 0; i < HEADERS; i++) {
            /* Compares the first letter first, because this runs for every request. */
            if ((header->key[0] | 0x20) != (names[i][0] | 0x20) ||
                strcasecmp(header->key, names[i]) != 0)
                continue;
            if (values[i])
                return false;
            values[i] = header->value;
        }
    }
    return true;
}

/* NULL: it is clear where the body ends, and evhttp reads it. */
static const char *ambiguity(enum evhttp_cmd_type method, const char *length, const char *coding)
{
    if (length && (!*length || length[strspn(length, "0123456789")]))
        return "Content-Length must be a number";
    if (coding && strcasecmp(coding, "chunked") != 0)
        return "Transfer-Encoding: only chunked is supported";
    if (length && coding)
        return "Content-Length and Transfer-Encoding exclude each other";
    if ((method == EVHTTP_REQ_HEAD || method == EVHTTP_REQ_TRACE) &&
        (coding || (length && length[strspn(length, "0")])))
        return "HEAD and TRACE have no body";
    return NULL;
}

/* evhttp must not take for a request what may be a body. */
static int refuse_and_close(struct evhttp_request *request)
{
    evhttp_add_header(evhttp_request_get_output_headers(request), "Connection", "close");
    return 400;
}

int leakprof_evhttp_check(const struct leakprof_guard *guard, struct evhttp_request *request,
                          bool changes, const char **why)
{
    const char *values[HEADERS] = {0};
    if (!read_headers(request, values)) {
        *why = "Host, Origin, Sec-Fetch-Site, Authorization, Content-Length and Transfer-Encoding "
               "may be given once";
        return refuse_and_close(request);
    }
    *why = ambiguity(evhttp_request_get_command(request), values[LENGTH], values[CODING]);
    if (*why)
        return refuse_and_close(request);

    /* If the request line has a whole URL, its host is used, and Host is ignored. */
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
    const char *host = uri ? evhttp_uri_get_host(uri) : NULL;
    const struct leakprof_headers headers = {.host = host ? host : values[HOST],
                                             .origin = values[ORIGIN],
                                             .sec_fetch_site = values[SITE],
                                             .authorization = values[AUTHORIZATION],
                                             .changes = changes};
    return leakprof_guard_check(guard, &headers, why);
}

void leakprof_evhttp_challenge(struct evhttp_request *request)
{
    struct evkeyvalq *out = evhttp_request_get_output_headers(request);
    evhttp_add_header(out, "WWW-Authenticate", "Basic realm=\"token\", charset=\"UTF-8\"");
    evhttp_add_header(out, "WWW-Authenticate", "Bearer realm=\"token\"");
}
