#include "record/hooktime.h"

#include <stdatomic.h>

#include "sys/clock.h"
#include "sys/maths.h"

static _Atomic int64_t sum_ns, typical_ns, ntimed;
static _Atomic uint64_t seeds;
static __thread uint64_t state; /* state of the generator; 0: not seeded */
static __thread uint32_t until; /* events until the next one that is timed; 0: not drawn */

/* How many events until the next one that is timed, itself included. One in LP_HOOKTIME_EVERY is,
 * independent of the others: a geometric distribution. xorshift64, with another seed in each
 * thread. */
static uint32_t draw(void)
{
    const double per_log = -63.4987; /* 1 / log(1 - 1.0 / LP_HOOKTIME_EVERY) */
    uint64_t x = state;
    if (x == 0)
        x = (atomic_fetch_add_explicit(&seeds, 1, memory_order_relaxed) + 1) * 0x9e3779b97f4a7c15u;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    state = x;
    return 1 + (uint32_t)(per_log * lp_log(((double)(x >> 11) + 1) * 0x1p-53));
}
_Static_assert(LP_HOOKTIME_EVERY == 64, "per_log in draw()");

static int chosen(void)
{
    if (until == 0)
        until = draw();
    if (--until > 0)
        return 0;
    until = draw();
    return 1;
}

/* The clock is read twice at the beginning. The difference is what reading takes, and is added to
 * the start time. If the thread was interrupted in between, the difference is ignored. */
enum { CLOCK_TAKES_AT_MOST = 1000 };

int64_t lp_hooktime_begin(void)
{
    if (__builtin_expect(!chosen(), 1))
        return 0;
    int64_t before = lp_now_ns(), after = lp_now_ns();
    int64_t reading = after - before;
    return after + (reading < CLOCK_TAKES_AT_MOST ? reading : 0);
}

void lp_hooktime_end(int64_t began)
{
    if (__builtin_expect(began == 0, 1))
        return;
    int64_t ns = lp_now_ns() - began;
    atomic_fetch_add_explicit(&sum_ns, ns, memory_order_relaxed);
    atomic_fetch_add_explicit(&typical_ns,
                              ns < LP_HOOKTIME_TYPICAL_NS ? ns : LP_HOOKTIME_TYPICAL_NS,
                              memory_order_relaxed);
    atomic_fetch_add_explicit(&ntimed, 1, memory_order_relaxed);
}

struct lp_hooktime lp_hooktime_read(void)
{
    int64_t ns = atomic_load(&sum_ns) * LP_HOOKTIME_EVERY;
    return (struct lp_hooktime){.ns = ns > 0 ? ns : 0,
                                .typical_ns = atomic_load(&typical_ns) * LP_HOOKTIME_EVERY,
                                .timed = atomic_load(&ntimed)};
}
