/*
 * Holding a table's lock (sys/lock.h): with bounded waits, and with fork and signal handlers in
 * mind.
 *
 * A thread of the program waits some milliseconds at most. The holder may be suspended for any
 * time: a garbage collector stops all other threads by a signal, wherever they are, and then maps
 * memory itself. An event that cannot be recorded in time is counted as a loss by lp_hold_lost(),
 * or is left for the next holder (record/blocks.c).
 *
 * The thread that forks holds all tables' locks while glibc takes its own. Another thread may hold
 * one of glibc's and want one of ours, again and again: the list of streams, while it flushes them.
 * So a thread waits for a fork, at most FORK_PATIENCE_MS, and once per fork. Of its brief waits it
 * makes one in 256: enough that what it leaves to the next holder stays small.
 *
 * A signal handler may fork while the code that it interrupted holds a lock of ours. That lock is
 * left to the interrupted code, in the child as well. A lock that another thread did not release in
 * time is abandoned in the child: its table must be rebuilt there, and the lock is free.
 */
#ifndef LP_SYS_HOLD_H
#define LP_SYS_HOLD_H

#include "sys/lock.h"

/* How long to wait at most, in ms. */
enum {
    LP_HOLD_TRY = 0,         /* the caller may have interrupted the holder */
    LP_HOLD_BRIEFLY = 1,     /* the caller can leave its work to the next holder */
    LP_HOLD_PROGRAM = 20,    /* a thread of the program */
    LP_HOLD_PROFILER = 10000 /* a thread of the profiler */
};

/* One held lock. It lies on the holder's stack. */
struct lp_held {
    struct lp_lock *lock;
    struct lp_held *below; /* the interrupted code's locks, if this is a signal handler */
};

/* The locks that this thread is about to take, holds, or has just released, latest first. */
extern __thread struct lp_held *lp_hold_mine __attribute__((visibility("hidden")));

bool lp_hold_wait(struct lp_lock *lock, int patience_ms,
                  struct lp_held *held); /* the slow path of lp_hold() */

/* Takes the lock. false: not free within that time. */
static inline bool lp_hold(struct lp_lock *lock, int patience_ms, struct lp_held *held)
{
    *held = (struct lp_held){lock, lp_hold_mine};
    lp_hold_mine = held;
    atomic_signal_fence(memory_order_seq_cst);
    return lp_trylock(lock) || lp_hold_wait(lock, patience_ms, held);
}

static inline void lp_release(struct lp_held *held)
{
    lp_unlock(held->lock);
    atomic_signal_fence(memory_order_seq_cst);
    lp_hold_mine = held->below;
}

/* Counts a loss after lp_hold() returned false. The cause follows from the patience. */
void lp_hold_lost(int patience_ms);

/* Around fork(). In between, each table takes its locks with lp_hold_for_fork() and passes the
 * result to lp_hold_forked(). The total wait is at most FORK_PATIENCE_MS plus 1 ms per lock. */
enum lp_fork_lock {
    LP_FORK_HELD,
    LP_FORK_BELOW,    /* the interrupted code holds it */
    LP_FORK_ABANDONED /* another thread holds it, and did not release it in time */
};
void lp_hold_begin_fork(void);
enum lp_fork_lock lp_hold_for_fork(struct lp_lock *lock);
void lp_hold_forked(struct lp_lock *lock, enum lp_fork_lock got, bool child);
void lp_hold_end_fork(bool child);

#endif
