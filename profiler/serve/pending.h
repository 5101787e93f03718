/*
 * Requests with ?seconds=. The window is open, and is closed when the time is over. The server
 * answers other requests meanwhile. If the client disconnects, the window is dropped. Profiler's
 * thread only.
 */
#ifndef LP_SERVE_PENDING_H
#define LP_SERVE_PENDING_H

#include "serve/options.h"

enum { LP_PENDING_MAX = 16, LP_PENDING_SECONDS_MAX = 86400 };

/* 0: the request will be answered later. -EAGAIN: too many requests are pending. Otherwise an error
 * of lp_window_open(), which gets hz. On an error, the caller must answer the request. */
int lp_pending_start(struct evhttp_request *http, const struct lp_request_options *shape,
                     int seconds, int hz);

/* Drops them all. Call it before evhttp frees their connections. */
void lp_pending_drop(void);

/* In a forked child: drops them without touching libevent, because the loop is the parent's. */
void lp_pending_forked(void);

#endif
