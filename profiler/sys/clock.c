#include "sys/clock.h"

#include <stdatomic.h>

static _Atomic int64_t began; /* 0: not set yet */

int64_t lp_clock_ns(clockid_t clock)
{
    struct timespec t;
    return clock_gettime(clock, &t) == 0 ? (int64_t)t.tv_sec * 1000000000 + t.tv_nsec : 0;
}

int64_t lp_now_ns(void)
{
    return lp_clock_ns(CLOCK_MONOTONIC);
}

int64_t lp_began_ns(void)
{
    int64_t seen = atomic_load_explicit(&began, memory_order_relaxed);
    if (seen == 0) {
        int64_t now = lp_now_ns();
        if (atomic_compare_exchange_strong(&began, &seen, now))
            seen = now;
    }
    return seen;
}

uint32_t lp_now_ticks(void)
{
    int64_t since = lp_clock_ns(CLOCK_MONOTONIC_COARSE) - lp_began_ns();
    return since > 0 ? (uint32_t)(since / LP_TICK_NS) : 0;
}
