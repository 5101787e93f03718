/*
 * A profile over time, that ?seconds= asked for: its window is open, and will be closed when the
 * time has come; meanwhile the server answers others. When the client goes away, so does its wait,
 * and the window with it. Profiler's thread only.
 */
#ifndef LP_SERVE_PENDING_H
#define LP_SERVE_PENDING_H

#include "serve/options.h"

enum { LP_PENDING_MAX = 16, LP_PENDING_SECONDS_MAX = 86400 };

/* 0: the request will be answered later; -EAGAIN: too many wait already; or as lp_window_open(),
 * which hz is for. On an error the request is still the caller's to answer. */
int lp_pending_start(struct evhttp_request *http, const struct lp_request_options *shape,
                     int seconds, int hz);

/* Forgets them all, before evhttp frees their connections. */
void lp_pending_drop(void);

/* In a forked child: forgets them without touching libevent, whose loop is the parent's. */
void lp_pending_forked(void);

#endif
