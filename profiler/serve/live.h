/*
 * Figures of life while they happen: once a second the profiler's thread reads them, keeps those of
 * the last ten minutes, and sends them to whoever listens at /debug/live. Profiler's thread only.
 *
 * A client that comes late gets what was kept first. One that does not read is dropped: what waits
 * for it is at most that beginning and a few points.
 */
#ifndef LP_SERVE_LIVE_H
#define LP_SERVE_LIVE_H

struct event_base;

enum { LP_LIVE_MAX = 16, LP_LIVE_BEHIND_MAX = 5 };

int lp_live_start(struct event_base *base); /* 0 or -ENOMEM */

/* Also when none was started; before evhttp frees the connections. */
void lp_live_stop(void);

/* In a forked child: forgets them without touching libevent, whose loop is the parent's. */
void lp_live_forked(void);

#endif
