#include "sys/hold.h"

#include "sys/losses.h"

enum { FORK_PATIENCE_MS = 50, OWN_PATIENCE_MS = 3, BRIEFLY_ONE_IN = 256 };

static _Atomic int forking;     /* threads that are inside fork() */
static _Atomic uint32_t nforks; /* how many forks have begun */

static __thread uint32_t given_up; /* the fork for which this thread has used up its patience */
static __thread int
    fork_patience_ms; /* what is left of FORK_PATIENCE_MS, in the thread that forks */

static __thread uint8_t brief_waits; /* during forks, made or left out */

__thread struct lp_held *lp_hold_mine;

static bool under_way(void)
{
    return atomic_load_explicit(&forking, memory_order_relaxed) != 0;
}

/* Has the thread waited long enough? During a fork, a thread of the program waits longer, but only
 * once per fork. */
static bool out_of_patience(int waited_ms, int patience_ms)
{
    if (waited_ms == 0 && patience_ms == LP_HOLD_BRIEFLY && under_way())
        return brief_waits++ % BRIEFLY_ONE_IN != 0;
    if (patience_ms != LP_HOLD_PROGRAM || !under_way())
        return waited_ms >= patience_ms;
    uint32_t fork = atomic_load_explicit(&nforks, memory_order_relaxed);
    if (given_up != fork && waited_ms >= FORK_PATIENCE_MS)
        given_up = fork;
    return given_up == fork;
}

static bool is_among(const struct lp_lock *lock, const struct lp_held *held)
{
    while (held && held->lock != lock)
        held = held->below;
    return held != NULL;
}

bool lp_hold_wait(struct lp_lock *lock, int patience_ms, struct lp_held *held)
{
    if (!is_among(
            lock,
            held->below)) /* a holder that this code interrupted resumes only after this returns */
        for (int waited_ms = 0; !out_of_patience(waited_ms, patience_ms); waited_ms++)
            if (lp_lock_soon(lock))
                return true;
    lp_hold_mine = held->below;
    return false;
}

void lp_hold_lost(int patience_ms)
{
    lp_loss(patience_ms == LP_HOLD_TRY ? LP_LOSS_REENTERED
            : under_way()              ? LP_LOSS_FORKING
                                       : LP_LOSS_WAITED);
}

void lp_hold_begin_fork(void)
{
    atomic_fetch_add(&nforks, 1); /* numbers begin at 1: 0 in given_up means no fork */
    atomic_fetch_add(&forking, 1);
    fork_patience_ms = FORK_PATIENCE_MS;
}

/* The interrupted code may be about to take the lock without holding it yet, so the lock is waited
 * for in that case too. Even if no patience is left, each lock is waited for once, because it may
 * be held only for a moment. */
enum lp_fork_lock lp_hold_for_fork(struct lp_lock *lock)
{
    bool mine = is_among(lock, lp_hold_mine);
    int own_patience_ms = OWN_PATIENCE_MS, *left_ms = mine ? &own_patience_ms : &fork_patience_ms;
    do {
        if (lp_lock_soon(lock))
            return LP_FORK_HELD;
    } while (--*left_ms > 0);
    return mine ? LP_FORK_BELOW : LP_FORK_ABANDONED;
}

void lp_hold_forked(struct lp_lock *lock, enum lp_fork_lock got, bool child)
{
    if (got == LP_FORK_HELD)
        lp_unlock(lock);
    else if (got == LP_FORK_ABANDONED && child)
        atomic_store(&lock->state, 0);
}

void lp_hold_end_fork(bool child)
{
    if (child)
        atomic_store(&forking, 0);
    else
        atomic_fetch_sub(&forking, 1);
}
