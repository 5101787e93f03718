#include "sys/hold.h"

#include <limits.h>

enum { FORK_PATIENCE_MS = 50, OWN_PATIENCE_MS = 3, PATIENCE_MS = 50 };

static _Atomic int forking;     /* threads that are in fork() */
static _Atomic uint32_t nforks; /* how many forks have begun */

/* The fork that this thread waited for as long as may be. */
static __thread uint32_t given_up;

/* The lock that this thread is about to take, has, or has just let go of: what a handler that
 * interrupts it may find taken below itself. */
static __thread struct lp_lock *mine;

/* Has this thread waited for the fork that is under way, if one is, for long enough? */
static bool out_of_patience(int *waited_ms)
{
    if (atomic_load_explicit(&forking, memory_order_relaxed) == 0)
        return false;
    uint32_t fork = atomic_load_explicit(&nforks, memory_order_relaxed);
    if (given_up != fork && ++*waited_ms > FORK_PATIENCE_MS)
        given_up = fork;
    return given_up == fork;
}

bool lp_hold(struct lp_lock *lock, bool try, struct lp_lock **below)
{
    int waited_ms = 0;
    *below = mine;
    mine = lock;
    atomic_signal_fence(memory_order_seq_cst);
    if (lp_trylock(lock))
        return true;
    while (!try && !out_of_patience(&waited_ms))
        if (lp_lock_soon(lock))
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
    atomic_fetch_add(&nforks, 1); /* given_up begins with 0, which is no fork's number */
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
