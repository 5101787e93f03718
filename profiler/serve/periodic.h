/*
 * Automatic snapshots, one per interval. profile/store.h explains how they are thinned. Profiler's
 * thread only.
 *
 * If a snapshot takes long, because there are thousands of threads for example, the interval
 * becomes longer: taking snapshots uses at most one part in LP_PERIODIC_SHARE of the time.
 */
#ifndef LP_SERVE_PERIODIC_H
#define LP_SERVE_PERIODIC_H

#include <stdbool.h>
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
    bool stacks;    /* false: the stacks of the threads are left out */
    int64_t missed; /* not taken: no memory, or too many snapshots that are never thinned */
    int why;        /* the errno of the last one that was missed; 0: none was */
};

/* every_ms 0: none, until lp_periodic_set(). The first is taken at once. 0 or -ENOMEM. */
int lp_periodic_start(struct event_base *base, int64_t every_ms, size_t keep, bool stacks);
int lp_periodic_restart(struct event_base *base); /* in a new loop, with the schedule it had */
int lp_periodic_set(int64_t every_ms, size_t keep, bool stacks);
const struct lp_periodic *lp_periodic(void);

/* From the end of a snapshot that took cost_ns until the next one. */
int64_t lp_periodic_wait_ms(int64_t every_ms, int64_t cost_ns);

void lp_periodic_stop(void);
void lp_periodic_forked(
    void); /* in a forked child: drops the timer, because the loop is the parent's */

#endif
