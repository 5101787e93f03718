/*
 * A lock of one word on a futex, for the tables. Not pthread's: the program may interpose or
 * profile that, and this one can be put right in a forked child by a plain store.
 *
 * Lock order: that of record/threads.c; the shards of the block table by index, then its mask_lock;
 * then those of record/maps.h and record/procs.h; the one of record/loader.c stands alone: who
 * records only tries it, the profiler's thread waits for it; that of record/loaded.c stands alone,
 * too, and is never held at a fork by the forking thread; those of record/contention.c stand alone,
 * and a child makes them anew. A holder calls nothing that could take one. Fork takes them all but
 * the last two (hooks/start.c, sys/hold.h).
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
    _Atomic uint32_t state; /* 0 free, 1 held, 2 held and somebody may be waiting */
};

static inline bool lp_trylock(struct lp_lock *lock)
{
    uint32_t free = 0;
    return atomic_compare_exchange_strong_explicit(&lock->state, &free, 1, memory_order_acquire,
                                                   memory_order_relaxed);
}

/* Waits for a millisecond at most, or until the lock is let go of; true: it is ours. */
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

static inline void lp_lock(struct lp_lock *lock)
{
    while (!lp_lock_soon(lock))
        ;
}

static inline void lp_unlock(struct lp_lock *lock)
{
    if (atomic_exchange_explicit(&lock->state, 0, memory_order_release) == 2)
        lp_syscall(SYS_futex, &lock->state, FUTEX_WAKE_PRIVATE, 1);
}

#endif
