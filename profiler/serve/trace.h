/*
 * Writes the trace line (write/trace.h) to standard error at each interval. Profiler's thread only.
 */
#ifndef LP_SERVE_TRACE_H
#define LP_SERVE_TRACE_H

#include <stdint.h>

struct event_base;

int lp_trace_start(struct event_base *base, int64_t period_ms); /* 0 or -ENOMEM */
void lp_trace_stop(void);   /* does nothing if none was started */
void lp_trace_forked(void); /* in a forked child: forgets the timer; its loop is the parent's */

#endif
