#include "record/waits.h"

#include "record/rate.h"
#include "sys/keep_errno.h"
#include "sys/clock.h"
#include "record/self.h"
#include "record/unwind.h"

_Atomic int lp_waits_on;

static struct {
    _Atomic int64_t rate, on_since_ns; /* on_since_ns: the time plus one; 0: never */
    _Atomic uint32_t changes;
} state[LP_WAITS_KINDS];

int64_t lp_waits_rate(enum lp_waits kind)
{
    return atomic_load_explicit(&state[kind].rate, memory_order_relaxed);
}

void lp_waits_rate_set(enum lp_waits kind, int64_t rate)
{
    int64_t before = atomic_exchange(&state[kind].rate, rate);
    if (before == 0 && rate > 0)
        atomic_store(&state[kind].on_since_ns, lp_now_ns() - lp_began_ns() + 1);
    if (before > 0 && before != rate)
        atomic_fetch_add(&state[kind].changes, 1);
    if (rate > 0)
        atomic_fetch_or(&lp_waits_on, 1 << kind);
    else
        atomic_fetch_and(&lp_waits_on, ~(1 << kind));
}

struct lp_waits_history lp_waits_history(enum lp_waits kind)
{
    return (struct lp_waits_history){.rate = lp_waits_rate(kind),
                                     .on_since_ns = atomic_load(&state[kind].on_since_ns) - 1,
                                     .changes = atomic_load(&state[kind].changes)};
}

bool lp_waits_here(void)
{
    return !lp_self.busy && !lp_self.own;
}

/* True with the probability chosen / of. */
static bool drawn(int64_t chosen, int64_t of)
{
    return lp_random(&lp_self) % (uint64_t)of < (uint64_t)chosen;
}

static void record(enum lp_waits kind, int64_t ns, double weight, void *caller)
{
    LP_KEEP_ERRNO;
    lp_self.busy = true;
    uint32_t stack = lp_stack_of_call(caller);
    lp_self.busy = false;
    lp_delays_add(kind, stack, ns, weight);
}

int64_t lp_wait_begin(void)
{
    return lp_waits_rate(LP_WAITS_BLOCK) && lp_waits_here() ? lp_now_ns() : 0;
}

void lp_wait_end(int64_t began_ns, void *caller)
{
    if (began_ns)
        lp_waited(lp_now_ns() - began_ns, caller);
}

void lp_waited(int64_t ns, void *caller)
{
    int64_t rate = lp_waits_rate(LP_WAITS_BLOCK);
    ns = ns > 0 ? ns : 1;
    if (rate > 0 && lp_waits_here() && (ns >= rate || drawn(ns, rate)))
        record(LP_WAITS_BLOCK, ns, ns >= rate ? 1 : (double)rate / (double)ns, caller);
}

void lp_wait_caused(int64_t ns, void *caller)
{
    int64_t fraction = lp_waits_rate(LP_WAITS_MUTEX);
    if (fraction > 0 && lp_waits_here() && drawn(1, fraction))
        record(LP_WAITS_MUTEX, ns, (double)fraction, caller);
}
