/*
 * How often the heap is sampled: a Poisson process over the allocated bytes, with one point per
 * `rate` bytes on average. A block is sampled if a point falls into it, so its probability is p = 1
 * - e^(-size/rate), independent of earlier allocations. Rate 1 means every block, 0 none.
 *
 * The process is memoryless: what is left of an interval may be thrown away and drawn anew at any
 * moment that does not depend on where its points lie, as when the rate has changed.
 *
 * Each thread counts down the bytes of its interval, lp_self.due, and looks at nothing else. An
 * interval of more than LP_RATE_PIECE is counted in pieces, so that each thread soon notices a
 * change. While every block is recorded, each allocation looks for a change, so that exact is
 * exact.
 */
#ifndef LP_RECORD_RATE_H
#define LP_RECORD_RATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "record/self.h"

extern _Atomic bool lp_rate_look __attribute__((visibility("hidden")));

#define LP_RATE_INTERVAL_MAX ((UINT64_C(1) << 44) - 1)
enum {
    LP_RATE_PIECE = 256 << 10,
    LP_RATE_AUTO = -2,        /* for lp_rate_set(): record/autorate.h chooses the rate */
    LP_RATE_START = 512 << 10 /* its first one */
};

/* In bytes. Until lp_rate_set() is called, the rate of the configuration: LP_RATE_START if that is
 * LP_RATE_AUTO. */
int64_t lp_rate(void);

/* When it returns, rate 1 applies to the next allocation of every thread. Another rate applies to a
 * thread after at most LP_RATE_PIECE more bytes, and 0 at once. bytes: 0 to LP_RATE_MAX (config.h),
 * or LP_RATE_AUTO. */
void lp_rate_set(int64_t bytes);

/* Was it set to LP_RATE_AUTO? */
bool lp_rate_automatic(void);

/* For record/autorate.c: changes the rate if it is `from` and automatic. false: another thread has
 * changed it, perhaps to a number that must stay. */
bool lp_rate_follow(int64_t from, int64_t bytes);

/* In a forked child: a thread that does not exist there may have been changing the rate. */
void lp_rate_forked(void);

/* Takes an allocation of `size` bytes off the calling thread's interval. true: it is sampled, at
 * *rate. */
bool lp_rate_due(struct lp_self *self, uint64_t size, int64_t *rate);

/* The rates so far, oldest first. The last one is in force. If there are more than LP_RATES_KEPT,
 * the oldest are dropped. Any thread; takes no lock. */
enum { LP_RATES_KEPT = 16 };
struct lp_rates {
    uint32_t n, dropped;
    struct {
        int64_t bytes, since_ns; /* since_ns: after lp_began_ns() (sys/clock.h) */
    } at[LP_RATES_KEPT];
    bool automatic; /* they follow their cost (record/autorate.h) */
};
void lp_rates_read(struct lp_rates *rates);

/* Were samples taken at more than one rate, or could they have been? */
static inline bool lp_rates_mixed(const struct lp_rates *rates)
{
    return rates->n + rates->dropped > 1;
}

/* Draws the bytes to the next point. LP_RATE_INTERVAL_MAX if off, 0 if exact. */
uint64_t lp_rate_interval(struct lp_self *self, int64_t rate);

/* 64 random bits from this thread's own generator. */
uint64_t lp_random(struct lp_self *self);

/* How many blocks of this size one sample stands for: 1/p. */
float lp_rate_weight(uint64_t size, int64_t rate);

#endif
