/*
 * How much the process may use before the system refuses more: the lowest limit of the machine, the
 * cgroup and the rlimits. leakprof_limits() is the public part of it.
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
