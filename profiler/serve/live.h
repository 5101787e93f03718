/*
 * /debug/live: the vitals of the program as a stream. The profiler's thread reads them once a
 * second and sends them to every client. It keeps those of the last ten minutes, which a new client
 * gets first. A client that does not read is dropped: at most that history and LP_LIVE_BEHIND_MAX
 * points wait for it. Profiler's thread only.
 */
#ifndef LP_SERVE_LIVE_H
#define LP_SERVE_LIVE_H

struct event_base;

enum { LP_LIVE_MAX = 16, LP_LIVE_BEHIND_MAX = 5 };

int lp_live_start(struct event_base *base); /* 0 or -ENOMEM */

/* Call it before evhttp frees the connections. Does nothing if it was not started. */
void lp_live_stop(void);

/* In a forked child: drops the streams without touching libevent, because the loop is the parent's.
 */
void lp_live_forked(void);

#endif
