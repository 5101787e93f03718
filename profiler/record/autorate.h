/*
 * The rate that follows its cost. It is as fine as a budget of CPU time and memory allows
 * (record/ratebudget.h), down to 1, every block.
 *
 * Once per second the profiler's thread compares the samples of that second with the budget. Each
 * sample takes a token. If the tokens are used up before the second is over, the thread that took
 * the last one looks at once, so that a burst cannot exceed the budget for long. The decision
 * depends on samples that were taken already, and a sample has the weight of the rate at which it
 * was taken. So figures stay unbiased.
 *
 * In a process without the profiler's thread nobody reads the figures yet. There the rate is
 * LP_RATE_START or coarser, and a thread that takes a sample looks every few seconds.
 *
 * Any thread, any context; no lock that is waited for.
 */
#ifndef LP_RECORD_AUTORATE_H
#define LP_RECORD_AUTORATE_H

#include <stdint.h>

/* The rate has just become automatic (record/rate.h). */
void lp_autorate_begin(void);

/* A sample was taken. */
void lp_autorate_sampled(uint64_t size, float weight);

/* For the profiler's thread, when it starts and once per second. */
void lp_autorate_look(void);
void lp_autorate_leave(void); /* when it ends */

/* In a forked child: it has no profiler's thread. */
void lp_autorate_forked(void);

struct lp_autorate_state {
    int64_t allowed; /* samples per second */
    int64_t cost_ns; /* of one, as measured */
    int64_t live;    /* records */
};
struct lp_autorate_state lp_autorate_read(void);

#endif
