/*
 * Calls the function that answers a request. One table (route.c) has the method and the parameters
 * of each route. Other requests are refused, and the answer shows what is allowed. Before a handler
 * runs, the guard and the path were checked, and the query has only known names.
 *
 * To add a route: write `void lp_http_<what>(struct lp_request *)`, declare it below, and add a row
 * to the table.
 */
#ifndef LP_SERVE_ROUTE_H
#define LP_SERVE_ROUTE_H

#include "serve/query.h"

struct evhttp_request;

/* Valid while its handler runs. A handler that answers later keeps only `http`. */
struct lp_request {
    struct evhttp_request *http;
    const char *part[2]; /* what the stars of the route's path match */
    struct lp_query query;
};

/* The callback for all requests of evhttp. guard is a const struct leakprof_guard *. */
void lp_route(struct evhttp_request *http, void *guard);

/* pprof.c: Go's contract */
void lp_http_profile(struct lp_request *request);  /* a profile or a delta */
void lp_http_timespan(struct lp_request *request); /* the CPU profile */

/* pages.c: the index, cmdline and symbol */
void lp_http_index(struct lp_request *request);
void lp_http_index_redirect(struct lp_request *request);
void lp_http_cmdline(struct lp_request *request);
void lp_http_symbol(struct lp_request *request);

/* files.c: the dashboard */
void lp_http_root(struct lp_request *request);
void lp_http_file(struct lp_request *request);
void lp_http_icon(struct lp_request *request); /* browsers request it for any page */

/* snapshots.c */
void lp_http_snapshot_take(struct lp_request *request);
void lp_http_snapshot_list(struct lp_request *request);
void lp_http_snapshot(struct lp_request *request);
void lp_http_snapshot_profile(struct lp_request *request);
void lp_http_snapshot_name(struct lp_request *request);
void lp_http_snapshot_drop(struct lp_request *request);
void lp_http_snapshot_every(struct lp_request *request);

/* growth.c: differences of snapshots */
void lp_http_diff(struct lp_request *request);
void lp_http_suspects(struct lp_request *request);

/* live.c */
void lp_http_live(struct lp_request *request);

/* processes.c */
void lp_http_processes(struct lp_request *request);
void lp_http_process_asks(struct lp_request *request);

/* rate.c */
void lp_http_rate(struct lp_request *request);
void lp_http_rate_set(struct lp_request *request);

#endif
