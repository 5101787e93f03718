#include "record/unwindgate.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>

#include "record/self.h"
#include "record/unwind.h"
#include "sys/clock.h"
#include "sys/losses.h"

/* Threads are counted on several cache lines, because every sample counts here. */
enum { STRIPES = 16 };
static struct stripe {
    _Atomic int inside;
    char pad[60];
} stripes[STRIPES];
static _Atomic int closed; /* forks under way; in a child also: locks of libunwind's may be held */
static bool in_child;      /* written by the only thread of a new child */
static __thread bool here; /* this thread is inside */

static struct stripe *stripe_of_thread(void)
{
    return &stripes[((uintptr_t)&lp_self >> 12) % STRIPES];
}

bool lp_unwind_enter(void)
{
    struct stripe *stripe = stripe_of_thread();
    atomic_fetch_add(&stripe->inside, 1);
    here = true;
    if (atomic_load(&closed) == 0)
        return true;
    lp_unwind_leave();
    lp_loss(LP_LOSS_FORKING);
    return false;
}

void lp_unwind_leave(void)
{
    here = false;
    atomic_fetch_sub_explicit(&stripe_of_thread()->inside, 1, memory_order_release);
}

bool lp_unwind_occupied(void)
{
    for (int i = 0; i < STRIPES; i++)
        if (atomic_load(&stripes[i].inside) != 0)
            return true;
    return false;
}

bool lp_unwind_in_child(void)
{
    return in_child;
}

void lp_unwind_before_fork(bool above_holder)
{
    atomic_fetch_add(&closed, 1);
    int64_t until = lp_now_ns() + (above_holder ? 0 : LP_UNWIND_PATIENCE_MS * INT64_C(1000000));
    while (lp_unwind_occupied() && lp_now_ns() < until)
        sched_yield();
}

/* The child has only this thread. If a signal handler forks, the thread may be inside below it, and
 * continues there later. */
static bool forget_others(void)
{
    int inside = 0;
    for (int i = 0; i < STRIPES; i++)
        inside += atomic_exchange(&stripes[i].inside, 0);
    if (here)
        atomic_store(&stripe_of_thread()->inside, 1);
    return inside > here;
}

void lp_unwind_after_fork(bool child)
{
    if (!child) {
        atomic_fetch_sub(&closed, 1);
        return;
    }
    in_child = true;
    atomic_store(&closed, forget_others());
}
