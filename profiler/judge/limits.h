/*
 * What the process may have at most before something refuses it: the machine, its cgroup and its
 * rlimits, whichever is tightest. Reads files; profiler's thread only.
 */
#ifndef LP_JUDGE_LIMITS_H
#define LP_JUDGE_LIMITS_H

#include <stdint.h>

#include "profile/profile.h"

struct lp_limits {
    int64_t at[LP_BOUNDS]; /* by enum lp_bound (profile/profile.h); never 0 */
};

void lp_limits_read(struct lp_limits *limits);

#endif
