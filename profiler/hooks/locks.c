/*
 * Locks that have a holder: mutexes, pthread's and C11's, and read-write locks.
 *
 * With both profiles off, a hook reads one word and jumps to the real function. With one on, the
 * lock is tried first: a thread that gets it has not waited. If trylock returns something other
 * than "busy", the real function would have returned the same, so that is the result. (EOWNERDEAD
 * even means that the caller holds the lock.) If it is busy, the real function does the rest: it
 * waits, gives up, or returns EDEADLK. The lock is not tried with a time or a clock that the real
 * function might refuse before it looks at the lock.
 *
 * An unlocker reads how long others have waited before it unlocks, because the lock may not exist
 * afterwards. It takes its stack after that, in order not to keep them waiting.
 *
 * Not seen: spin locks, whose waiting uses CPU time and is in the CPU profile; locks inside libc (a
 * stream's, malloc's); and locks built on futexes without pthread (C++20's atomic wait, Rust's
 * standard library).
 */
#include "hooks/hook.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <threads.h>
#include <time.h>

#include "sys/clock.h"
#include "record/self.h"
#include "record/waits.h"
#include "hooks/valid.h"
#include "record/contention.h"

#define CALLER __builtin_return_address(0)
#define LIST(...) __VA_ARGS__
#define likely(x) __builtin_expect(!!(x), 1)

enum outcome { GOT, GAVE_UP, REFUSED };

static enum outcome of_pthread(int result)
{
    return result == 0 || result == EOWNERDEAD ? GOT : result == ETIMEDOUT ? GAVE_UP : REFUSED;
}

static enum outcome of_c11(int result)
{
    return result == thrd_success ? GOT : result == thrd_timedout ? GAVE_UP : REFUSED;
}

/* One wait for one lock, on the waiter's stack. */
struct waiting {
    const void *lock;
    uint32_t begun;   /* 0: it is not in the table of record/contention.h */
    int64_t began_ns; /* 0: nothing is recorded */
};

static struct waiting begin(const void *lock)
{
    if (!lp_waits_here() || !lp_hooks_process())
        return (struct waiting){lock, 0, 0};
    struct waiting waiting = {lock, 0, lp_now_ns()};
    if (lp_waits_rate(LP_WAITS_MUTEX) == 0)
        return waiting;
    lp_self.busy = true;
    waiting.begun = lp_contention_begin(lock, waiting.began_ns);
    lp_self.busy = false;
    return waiting;
}

/* The lock may not exist any more: only its address is used. */
static void end(const struct waiting *waiting, enum outcome outcome, void *caller)
{
    if (waiting->began_ns == 0)
        return;
    int64_t now_ns = lp_now_ns();
    if (waiting->begun) {
        lp_self.busy = true;
        lp_contention_end(waiting->lock, waiting->begun, waiting->began_ns, now_ns,
                          outcome == GAVE_UP);
        lp_self.busy = false;
    }
    if (outcome != REFUSED)
        lp_waited(now_ns - waiting->began_ns, caller);
}

/* try: the function that does not wait. It returns `busy`, or what the real one would return.
 * sound: may it be tried? */
#define LOCKS(name, params, args, try, busy, outcome_of, sound)                                    \
    LP_FIND(name)                                                                                  \
    __attribute__((noinline)) static int watched_##name(params, void *caller)                      \
    {                                                                                              \
        int result = (sound) ? LP_REAL(try)(lock) : busy;                                          \
        if (result != busy)                                                                        \
            return result;                                                                         \
        struct waiting waiting = begin(lock);                                                      \
        result = LP_REAL(name)(args);                                                              \
        end(&waiting, outcome_of(result), caller);                                                 \
        return result;                                                                             \
    }                                                                                              \
    LP_HOOK int name(params)                                                                       \
    {                                                                                              \
        if (likely(!atomic_load_explicit(&lp_waits_on, memory_order_relaxed)))                     \
            return LP_REAL(name)(args);                                                            \
        return watched_##name(args, CALLER);                                                       \
    }

LP_FIND(pthread_mutex_trylock)
#define MUTEX(name, params, args, sound)                                                           \
    LOCKS(name, LIST(params), LIST(args), pthread_mutex_trylock, EBUSY, of_pthread, sound)
MUTEX(pthread_mutex_lock, LIST(pthread_mutex_t *lock), LIST(lock), true)
MUTEX(pthread_mutex_timedlock, LIST(pthread_mutex_t *lock, const struct timespec *until),
      LIST(lock, until), lp_valid_time(until))
#if __GLIBC_PREREQ(2, 30)
MUTEX(pthread_mutex_clocklock,
      LIST(pthread_mutex_t *lock, clockid_t clock, const struct timespec *until),
      LIST(lock, clock, until), lp_valid_clock(clock) && lp_valid_time(until))
#endif

LP_FIND(mtx_trylock)
#define MTX(name, params, args, sound)                                                             \
    LOCKS(name, LIST(params), LIST(args), mtx_trylock, thrd_busy, of_c11, sound)
MTX(mtx_lock, LIST(mtx_t *lock), LIST(lock), true)
MTX(mtx_timedlock, LIST(mtx_t *lock, const struct timespec *until), LIST(lock, until),
    lp_valid_time(until))

LP_FIND(pthread_rwlock_tryrdlock)
#define READ(name, params, args, sound)                                                            \
    LOCKS(name, LIST(params), LIST(args), pthread_rwlock_tryrdlock, EBUSY, of_pthread, sound)
READ(pthread_rwlock_rdlock, LIST(pthread_rwlock_t *lock), LIST(lock), true)
READ(pthread_rwlock_timedrdlock, LIST(pthread_rwlock_t *lock, const struct timespec *until),
     LIST(lock, until), lp_valid_time(until))
#if __GLIBC_PREREQ(2, 30)
READ(pthread_rwlock_clockrdlock,
     LIST(pthread_rwlock_t *lock, clockid_t clock, const struct timespec *until),
     LIST(lock, clock, until), lp_valid_clock(clock) && lp_valid_time(until))
#endif

LP_FIND(pthread_rwlock_trywrlock)
#define WRITE(name, params, args, sound)                                                           \
    LOCKS(name, LIST(params), LIST(args), pthread_rwlock_trywrlock, EBUSY, of_pthread, sound)
WRITE(pthread_rwlock_wrlock, LIST(pthread_rwlock_t *lock), LIST(lock), true)
WRITE(pthread_rwlock_timedwrlock, LIST(pthread_rwlock_t *lock, const struct timespec *until),
      LIST(lock, until), lp_valid_time(until))
#if __GLIBC_PREREQ(2, 30)
WRITE(pthread_rwlock_clockwrlock,
      LIST(pthread_rwlock_t *lock, clockid_t clock, const struct timespec *until),
      LIST(lock, clock, until), lp_valid_clock(clock) && lp_valid_time(until))
#endif

/* How long others have waited for the lock that this thread is about to release; 0 inside the
 * profiler. */
int64_t lp_held_up(const void *lock)
{
    if (!lp_waits_here())
        return 0;
    lp_self.busy = true;
    int64_t ns = lp_contention_charge(lock);
    lp_self.busy = false;
    return ns;
}

static void let_go(const void *lock, int64_t ns, bool done, void *caller)
{
    if (!lp_hooks_process())
        return;
    if (done) {
        lp_wait_caused(ns, caller);
        return;
    }
    lp_self.busy = true;
    lp_contention_refund(lock, ns);
    lp_self.busy = false;
}

#define UNLOCKS(name, type)                                                                        \
    LP_FIND(name)                                                                                  \
    __attribute__((noinline)) static int watched_##name(type *lock, void *caller)                  \
    {                                                                                              \
        int64_t ns = lp_held_up(lock);                                                             \
        int result = LP_REAL(name)(lock);                                                          \
        if (ns > 0)                                                                                \
            let_go(lock, ns, result == 0, caller);                                                 \
        return result;                                                                             \
    }                                                                                              \
    LP_HOOK int name(type *lock)                                                                   \
    {                                                                                              \
        if (likely(!atomic_load_explicit(&lp_contended, memory_order_relaxed)))                    \
            return LP_REAL(name)(lock);                                                            \
        return watched_##name(lock, CALLER);                                                       \
    }

UNLOCKS(pthread_mutex_unlock, pthread_mutex_t)
UNLOCKS(mtx_unlock, mtx_t)
UNLOCKS(pthread_rwlock_unlock, pthread_rwlock_t)
