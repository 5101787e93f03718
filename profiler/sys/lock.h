/*
 * A lock of one word on a futex, for the tables. pthread's mutex is not used, because the program
 * may interpose or profile it, and because this lock can be reset in a forked child by a plain
 * store.
 *
 * Nothing waits for a lock without a bound: lp_lock_soon() returns after about a millisecond, and
 * sys/hold.h limits how often a thread calls it.
 *
 * Lock order: the lock of record/threads.c, the stripes of the block table by index, the locks of
 * record/maps.h and record/procs.h. The others are never held together with any lock: that of
 * record/loader.c (a thread that records only tries it, the profiler's thread waits for it), and
 * those of record/contention.c. A thread that holds a lock calls nothing that takes one. fork()
 * takes the locks that are in the order (hooks/start.c, sys/hold.h). A forked child resets those of
 * record/contention.c.
 */
#ifndef LP_SYS_LOCK_H
#define LP_SYS_LOCK_H

#include <linux/futex.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "sys/syscall.h"

struct lp_lock {
    _Atomic uint32_t state; /* 0 free, 1 held, 2 held and another thread may be waiting */
};

static inline bool lp_trylock(struct lp_lock *lock)
{
    uint32_t free = 0;
    return atomic_compare_exchange_strong_explicit(&lock->state, &free, 1, memory_order_acquire,
                                                   memory_order_relaxed);
}

/* Waits until the lock is free, for a millisecond at most. true: the caller holds it. */
static inline bool lp_lock_soon(struct lp_lock *lock)
{
    for (int spin = 0; spin < 100; spin++) {
        if (lp_trylock(lock))
            return true;
        __builtin_ia32_pause();
    }
    if (atomic_exchange_explicit(&lock->state, 2, memory_order_acquire) == 0)
        return true;
    struct timespec ms = {.tv_nsec = 1000000};
    lp_syscall(SYS_futex, &lock->state, FUTEX_WAIT_PRIVATE, 2, &ms);
    return atomic_exchange_explicit(&lock->state, 2, memory_order_acquire) == 0;
}

/* For the profiler's own threads, which may wait without a limit. */
static inline void lp_lock(struct lp_lock *lock)
{
    while (!lp_lock_soon(lock))
        ;
}

/* If another thread begins to wait between the load and the store, it is not woken, and looks again
 * after its millisecond. That is rare, and a plain store takes a third of an exchange. */
static inline void lp_unlock(struct lp_lock *lock)
{
    if (atomic_load_explicit(&lock->state, memory_order_relaxed) == 1)
        atomic_store_explicit(&lock->state, 0, memory_order_release);
    else if (atomic_exchange_explicit(&lock->state, 0, memory_order_release) == 2)
        lp_syscall(SYS_futex, &lock->state, FUTEX_WAKE_PRIVATE, 1);
}

#endif
