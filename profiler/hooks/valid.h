/*
 * Times and clocks that a waiting function of glibc may refuse with EINVAL before it examines the
 * object. A hook that would try the object first must leave such calls to glibc.
 */
#ifndef LP_HOOKS_VALID_H
#define LP_HOOKS_VALID_H

#include <stdbool.h>
#include <time.h>

static inline bool lp_valid_time(const struct timespec *until)
{
    return until && until->tv_nsec >= 0 && until->tv_nsec < 1000000000;
}

static inline bool lp_valid_clock(clockid_t clock)
{
    return clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC;
}

#endif
