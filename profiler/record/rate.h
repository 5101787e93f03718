/*
 * How often the heap is sampled: a Poisson process over the allocated bytes, with one point per
 * `rate` bytes on average. A block is sampled if a point falls into it, so its probability is p = 1
 * - e^(-size/rate), independent of earlier allocations. Rate 1 means every block, 0 none.
 *
 * The process is memoryless: a thread may throw away what is left of its interval and draw anew, as
 * it does when the rate has changed, and stays unbiased.
 */
#ifndef LP_RECORD_RATE_H
#define LP_RECORD_RATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "record/self.h"

/* Read by every allocation: it may pass without a look while lp_rate_gate + size < lp_self.due.
 * A thread's `due` is the gate when its interval was drawn plus what is left of it. A change of the
 * rate raises the gate above all that were drawn before, so that one comparison finds both the
 * sample that is due and the rate that has changed. (It comes round after a million changes.) */
extern _Atomic uint64_t lp_rate_gate __attribute__((visibility("hidden")));
enum { LP_RATE_GATE_SHIFT = 44 };
#define LP_RATE_INTERVAL_MAX ((UINT64_C(1) << LP_RATE_GATE_SHIFT) - 1)

/* In bytes. Until lp_rate_set() is called, the rate of the configuration. */
int64_t lp_rate(void);

/* When it returns, the rate applies to the next allocation of every thread. bytes: 0 to LP_RATE_MAX
 * (config.h). */
void lp_rate_set(int64_t bytes);

/* The rates so far, oldest first. The last one is in force. If there are more than LP_RATES_KEPT,
 * the oldest are dropped. Any thread; takes no lock. */
enum { LP_RATES_KEPT = 16 };
struct lp_rates {
    uint32_t n, dropped;
    struct {
        int64_t bytes, since_ns; /* since_ns: after lp_began_ns() (sys/clock.h) */
    } at[LP_RATES_KEPT];
};
void lp_rates_read(struct lp_rates *rates);

/* Were samples taken at more than one rate, or could they have been? */
static inline bool lp_rates_mixed(const struct lp_rates *rates)
{
    return rates->n + rates->dropped > 1;
}

/* Draws the bytes to this thread's next point. LP_RATE_INTERVAL_MAX if off, 0 if exact. */
uint64_t lp_rate_interval(struct lp_self *self, int64_t rate);

/* 64 random bits from this thread's own generator. */
uint64_t lp_random(struct lp_self *self);

/* How many blocks of this size one sample stands for: 1/p. */
float lp_rate_weight(uint64_t size, int64_t rate);

#endif
