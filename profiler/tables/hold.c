#include "tables/hold.h"

#include <limits.h>

enum { OWN_PATIENCE_MS = 3, PATIENCE_MS = 1000 };

static _Atomic int forking; /* threads that are in fork() */

/* The lock that this thread is about to take, has, or has just let go of: what a handler that
 * interrupts it may find taken below itself. */
static __thread struct lp_lock *mine;

bool lp_hold(struct lp_lock *lock, bool try, struct lp_lock **below)
{
    *below = mine;
    mine = lock;
    atomic_signal_fence(memory_order_seq_cst);
    while (!try && atomic_load_explicit(&forking, memory_order_relaxed) == 0)
        if (lp_lock_soon(lock))
            return true;
    if (lp_trylock(lock))
        return true;
    mine = *below;
    return false;
}

void lp_release(struct lp_lock *lock, struct lp_lock *below)
{
    lp_unlock(lock);
    atomic_signal_fence(memory_order_seq_cst);
    mine = below;
}

void lp_hold_begin_fork(void)
{
    atomic_fetch_add(&forking, 1);
}

/* With a frame below in here, not even a lock that seems another's is waited for without end: that
 * frame may hold one inside the other. */
bool lp_hold_for_fork(struct lp_lock *lock)
{
    int patience_ms = !mine ? INT_MAX : lock == mine ? OWN_PATIENCE_MS : PATIENCE_MS;
    for (int ms = 0; ms < patience_ms; ms++)
        if (lp_lock_soon(lock))
            return true;
    return false;
}

void lp_hold_end_fork(bool child)
{
    if (child)
        atomic_store(&forking, 0);
    else
        atomic_fetch_sub(&forking, 1);
}
