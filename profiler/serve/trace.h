/*
 * The trace line on standard error (write/trace.h), from a timer of the profiler's thread.
 * Profiler's thread only.
 */
#ifndef LP_SERVE_TRACE_H
#define LP_SERVE_TRACE_H

#include <stdint.h>

struct event_base;

int lp_trace_start(struct event_base *base, int64_t period_ms); /* 0 or -ENOMEM */
void lp_trace_stop(void); /* may be called if none was started */
void lp_trace_forked(
    void); /* in a forked child: drops the timer, because the loop is the parent's */

#endif
