/*
 * The last ten minutes of a process: a ring of lp_vitals, one per period. The newest replaces the
 * oldest. serve/live.c adds to it. Profiler's thread only.
 */
#ifndef LP_PROFILE_HISTORY_H
#define LP_PROFILE_HISTORY_H

#include <stddef.h>

#include "profile/vitals.h"

enum { LP_HISTORY_MAX = 600, LP_HISTORY_PERIOD_MS = 1000 };

struct lp_history {
    size_t next, n; /* `at[next]` is written next; n are valid */
    struct lp_vitals at[LP_HISTORY_MAX];
};

void lp_history_add(struct lp_history *history, const struct lp_vitals *vitals);

/* The i-th, oldest first; NULL past the end. */
const struct lp_vitals *lp_history_at(const struct lp_history *history, size_t i);

/* How long to wait for the next one if reading took this long: the period, or longer if reading is
 * slow, so that it takes at most one percent of the time. */
int64_t lp_history_wait_ms(int64_t cost_ns);

#endif
