/*
 * The line of life on standard error (write/trace.h), by a timer of the profiler's thread, which
 * alone calls these.
 */
#ifndef LP_SERVE_TRACE_H
#define LP_SERVE_TRACE_H

#include <stdint.h>

struct event_base;

int lp_trace_start(struct event_base *base, int64_t period_ms); /* 0 or -ENOMEM */
void lp_trace_stop(void);                                       /* also when none was started */
void lp_trace_forked(void); /* in a forked child: forgets the timer, whose loop is the parent's */

#endif
