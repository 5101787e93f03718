/*
 * Requests for a profile over time (?seconds=). The window of each is open until its time is over.
 * Meanwhile the server answers other requests. If the client closes its connection, the request and
 * its window are dropped. Profiler's thread only.
 */
#ifndef LP_SERVE_PENDING_H
#define LP_SERVE_PENDING_H

#include "serve/options.h"

enum { LP_PENDING_MAX = 16, LP_PENDING_SECONDS_MAX = 86400 };

/* 0: the request will be answered later. -EAGAIN: there are LP_PENDING_MAX already. Other errors
 * are those of lp_window_open(), which gets hz. After an error the caller answers the request. */
int lp_pending_start(struct evhttp_request *http, const struct lp_request_options *options,
                     int seconds, int hz);

/* Drops them all. Call it before evhttp frees their connections. */
void lp_pending_drop(void);

/* In a forked child: drops them without touching libevent, because the loop is the parent's. */
void lp_pending_forked(void);

#endif
