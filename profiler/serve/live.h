/*
 * Live figures: once per second, the profiler's thread reads them, keeps those of the last ten
 * minutes, and sends them to the clients of /debug/live. Profiler's thread only.
 *
 * A new client first gets the kept figures. A client that does not read is dropped, so at most the
 * history and a few points wait for it.
 */
#ifndef LP_SERVE_LIVE_H
#define LP_SERVE_LIVE_H

struct event_base;

enum { LP_LIVE_MAX = 16, LP_LIVE_BEHIND_MAX = 5 };

int lp_live_start(struct event_base *base); /* 0 or -ENOMEM */

/* Call it before evhttp frees the connections, even if nothing was started. */
void lp_live_stop(void);

/* In a forked child: drops the streams without touching libevent, because the loop is the parent's.
 */
void lp_live_forked(void);

#endif
