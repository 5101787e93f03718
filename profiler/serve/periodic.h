/*
 * Automatic snapshots, one per period, from a timer of the profiler's thread. Profiler's thread
 * only. profile/store.h explains how they are thinned.
 *
 * If taking one is slow, for example because thousands of threads are interrupted for their stacks,
 * they come less often than requested. Taking them uses at most 1/LP_PERIODIC_SHARE of the time, so
 * that the program has the rest, and the profiler still answers.
 */
#ifndef LP_SERVE_PERIODIC_H
#define LP_SERVE_PERIODIC_H

#include <stddef.h>
#include <stdint.h>

#include "profile/store.h"

struct event_base;

enum {
    LP_PERIODIC_SHARE = 10,
    LP_PERIODIC_BYTES = 256 << 20 /* for all of them together */
};

struct lp_periodic {
    int64_t every_ms; /* 0: none are taken */
    size_t keep;
    int64_t missed; /* could not be taken: no memory, or the store is full of others */
};

/* every_ms 0: none until lp_periodic_set(). Returns 0 or -ENOMEM. The first one is taken at once.
 */
int lp_periodic_start(struct event_base *base, int64_t every_ms, size_t keep);
int lp_periodic_set(int64_t every_ms, size_t keep);
const struct lp_periodic *lp_periodic(void);

/* The wait from the end of one that took cost_ns to the next. */
int64_t lp_periodic_wait_ms(int64_t every_ms, int64_t cost_ns);

void lp_periodic_stop(void);
void lp_periodic_forked(
    void); /* in a forked child: drops the timer, because the loop is the parent's */

#endif
