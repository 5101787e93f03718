#include "serve/route.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <event2/buffer.h>
#include <event2/http.h>

#include "leakprof_evhttp.h"
#include "serve/reply.h"

#define GET EVHTTP_REQ_GET
#define POST EVHTTP_REQ_POST
#define PUT EVHTTP_REQ_PUT
#define DELETE EVHTTP_REQ_DELETE

/* The first row that matches is used. Rows with the same path differ in the method. HEAD is handled
 * as GET. */
static const struct route {
    enum evhttp_cmd_type method;
    const char *path; /* a star matches one part of the path, which is not empty */
    void (*handle)(struct lp_request *request);
    const char *params[LP_QUERY_MAX + 1];
    bool free_query; /* the query is ignored */
} routes[] = {
    {GET, "/", lp_http_root, {0}, true},
    {GET, "/ui/*", lp_http_file, {0}, true},
    {GET, "/favicon.ico", lp_http_icon, {0}, true},
    {GET, "/debug/pprof", lp_http_index_redirect, {0}, true},
    {GET, "/debug/pprof/", lp_http_index, {0}, true},
    {GET, "/debug/pprof/cmdline", lp_http_cmdline, {"debug", "redact"}, false},
    {GET, "/debug/pprof/symbol", lp_http_symbol, {0}, true},
    {POST, "/debug/pprof/symbol", lp_http_symbol, {0}, true},
    {GET,
     "/debug/pprof/profile",
     lp_http_timespan,
     {"debug", "seconds", "hz", "format", "value", "granularity", "color", "redact"},
     false},
    {GET,
     "/debug/pprof/*",
     lp_http_profile,
     {"debug", "seconds", "gc", "format", "value", "granularity", "color", "redact"},
     false},
    {POST, "/debug/snapshots", lp_http_snapshot_take, {"name", "stacks"}, false},
    {GET, "/debug/snapshots", lp_http_snapshot_list, {0}, false},
    {PUT, "/debug/snapshots", lp_http_snapshot_every, {"every", "keep", "stacks"}, false},
    {GET, "/debug/snapshots/*", lp_http_snapshot, {0}, false},
    {PUT, "/debug/snapshots/*", lp_http_snapshot_name, {"name"}, false},
    {DELETE, "/debug/snapshots/*", lp_http_snapshot_drop, {0}, false},
    {GET,
     "/debug/snapshots/*/*",
     lp_http_snapshot_profile,
     {"debug", "format", "value", "granularity", "color", "redact"},
     false},
    {GET,
     "/debug/diff",
     lp_http_diff,
     {"profile", "from", "to", "sign", "format", "value", "granularity", "color", "redact"},
     false},
    {GET, "/debug/suspects", lp_http_suspects, {"from", "to", "format"}, false},
    {GET, "/debug/live", lp_http_live, {0}, false},
    {GET, "/debug/processes", lp_http_processes, {"format"}, false},
    {POST, "/debug/processes", lp_http_process_asks, {"pid", "url"}, false},
    {GET, "/debug/rate", lp_http_rate, {0}, false},
    {PUT, "/debug/rate", lp_http_rate_set, {"bytes", "block_ns", "mutex_fraction"}, false},
};
enum { NROUTES = sizeof routes / sizeof *routes };

/* Does this path match? Sets spans to the parts that the stars match. */
struct span {
    const char *start;
    size_t length;
};

static bool fits(const char *pattern, const char *path, struct span spans[2])
{
    int star = 0;
    while (*pattern) {
        if (*pattern != '*') {
            if (*pattern++ != *path++)
                return false;
            continue;
        }
        size_t length = strcspn(path, "/");
        if (length == 0)
            return false;
        spans[star++] = (struct span){path, length};
        path += length;
        pattern++;
    }
    return *path == '\0';
}

static enum evhttp_cmd_type method_of(struct evhttp_request *http)
{
    enum evhttp_cmd_type method = evhttp_request_get_command(http);
    return method == EVHTTP_REQ_HEAD ? EVHTTP_REQ_GET : method;
}

static const char *method_name(enum evhttp_cmd_type method)
{
    return method == GET ? "GET, HEAD" : method == POST ? "POST" : method == PUT ? "PUT" : "DELETE";
}

static void refuse_method(struct evhttp_request *http, const char *path)
{
    char allow[64] = "";
    struct span spans[2];
    for (int i = 0; i < NROUTES; i++)
        if (fits(routes[i].path, path, spans) && !strstr(allow, method_name(routes[i].method)))
            snprintf(allow + strlen(allow), sizeof allow - strlen(allow), "%s%s",
                     *allow ? ", " : "", method_name(routes[i].method));
    lp_reply_header(http, "Allow", allow);
    lp_reply_error(http, 405, "method not allowed; allowed: %s", allow);
}

static void refuse_path(struct evhttp_request *http)
{
    lp_reply_error(http, 404,
                   "not found; routes: /, /debug/pprof/, /debug/snapshots, /debug/diff, "
                   "/debug/suspects, /debug/live, /debug/processes, /debug/rate");
}

/* NULL: the request was refused and answered. */
static const struct route *find(struct evhttp_request *http, const char *path, struct span spans[2])
{
    bool known = false;
    for (int i = 0; i < NROUTES; i++) {
        if (!fits(routes[i].path, path, spans))
            continue;
        if (routes[i].method == method_of(http))
            return &routes[i];
        known = true;
    }
    if (known)
        refuse_method(http, path);
    else
        refuse_path(http);
    return NULL;
}

static void handle(struct evhttp_request *http, const char *path, const char *query_text)
{
    struct span spans[2] = {0};
    const struct route *route = find(http, path, spans);
    if (!route)
        return;
    if (route->handle != lp_http_symbol && /* the only one that takes a body */
        evbuffer_get_length(evhttp_request_get_input_buffer(http)) > 0) {
        lp_reply_error(http, 400, "this route takes no body: parameters go in the query");
        return;
    }

    char why[LP_WHY_MAX];
    struct lp_request request = {.http = http};
    int error =
        lp_query_parse(&request.query, route->free_query ? NULL : query_text, route->params, why);
    char *parts[2] = {0};
    for (int i = 0; i < 2 && spans[i].start; i++)
        request.part[i] = parts[i] = strndup(spans[i].start, spans[i].length);
    if (error)
        lp_reply_error(http, lp_status(error), "%s", why);
    else if ((spans[0].start && !parts[0]) || (spans[1].start && !parts[1]))
        lp_reply_no_memory(http);
    else
        route->handle(&request);
    free(parts[0]);
    free(parts[1]);
    lp_query_release(&request.query);
}

void lp_route(struct evhttp_request *http, void *guard)
{
    const char *why;
    lp_reply_begin(false);
    int status = leakprof_evhttp_check(guard, http, method_of(http) != GET, &why);
    if (status == 401)
        leakprof_evhttp_challenge(http);
    if (status) {
        lp_reply_error(http, status, "%s", why);
        return;
    }
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(http);
    const char *raw = uri ? evhttp_uri_get_path(uri) : NULL;
    char *path = strdup(raw ? raw : "");
    if (!path)
        lp_reply_no_memory(http);
    else if (leakprof_unescape(path, false) != 0 || evhttp_uri_get_fragment(uri))
        lp_reply_error(http, 400, "malformed percent escape or a fragment in the path");
    else
        handle(http, path, evhttp_uri_get_query(uri));
    free(path);
}
