/*
 * Snapshots that are taken by themselves, one a period, by a timer of the profiler's thread, which
 * alone calls these. profile/store.h says how they are thinned.
 *
 * Where there is much to take, like thousands of threads that are each asked for their stack, they
 * come less often than they were asked for: taking them is at most one part in LP_PERIODIC_SHARE of
 * the time, so that the program has the rest, and the profiler still answers.
 */
#ifndef LP_SERVE_PERIODIC_H
#define LP_SERVE_PERIODIC_H

#include <stddef.h>
#include <stdint.h>

#include "profile/store.h"

struct event_base;

enum {
    LP_PERIODIC_SHARE = 10,
    LP_PERIODIC_BYTES = 256 << 20 /* among them */
};

struct lp_periodic {
    int64_t every_ms; /* 0: none are taken */
    size_t keep;
    int64_t missed; /* could not be taken: no memory, or too many of those that are never thinned */
};

/* every_ms 0: none, until lp_periodic_set(). 0 or -ENOMEM. The first is taken at once. */
int lp_periodic_start(struct event_base *base, int64_t every_ms, size_t keep);
int lp_periodic_set(int64_t every_ms, size_t keep);
const struct lp_periodic *lp_periodic(void);

/* From the end of one that took so long until the next. */
int64_t lp_periodic_wait_ms(int64_t every_ms, int64_t cost_ns);

void lp_periodic_stop(void);
void lp_periodic_forked(
    void); /* in a forked child: forgets the timer, whose loop is the parent's */

#endif
