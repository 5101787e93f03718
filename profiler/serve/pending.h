/*
 * Requests for a profile over time (?seconds=). The window of each is open until its time is over.
 * The taker opens and closes it (serve/helpers.h). Meanwhile the server answers other requests. If
 * the client closes its connection, the request and its window are dropped. Loop thread only.
 */
#ifndef LP_SERVE_PENDING_H
#define LP_SERVE_PENDING_H

#include "serve/options.h"

struct evhttp_request;

enum { LP_PENDING_MAX = 16, LP_PENDING_SECONDS_MAX = 86400 };

/* Answers the request when the time is over, or with an error. lp_window_open() gets hz. */
void lp_pending_start(struct evhttp_request *http, const struct lp_request_options *options,
                      int seconds, int hz);

/* Drops them all. Call it when the helpers have ended, and before evhttp frees the connections. */
void lp_pending_drop(void);

/* In a forked child: drops them without touching libevent, because the loop is the parent's. */
void lp_pending_forked(void);

#endif
