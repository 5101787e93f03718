/*
 * Waits for other threads that have no holder: conditions, semaphores, barriers. If the block
 * profile is on, the real function is timed.
 *
 * Waiting on a condition releases its mutex without the hooks in hooks/locks.c. So the time that
 * others have waited for that mutex is charged here. Waiting to get the mutex back is part of the
 * wait.
 */
#include "hooks/again.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>
#include <threads.h>
#include <time.h>

#include "sys/keep_errno.h"
#include "record/waits.h"
#include "hooks/timed.h"
#include "hooks/valid.h"
#include "record/contention.h"

#define CALLER __builtin_return_address(0)
#define LIST(...) __VA_ARGS__
#define likely(x) __builtin_expect(!!(x), 1)

#define HOOK(name, params, args) HOOK_CALL(name, LIST(params), LIST(args), LP_REAL(name)(args))
#define HOOK_CALL(name, params, args, call)                                                        \
    LP_HOOK int name(params)                                                                       \
    {                                                                                              \
        if (likely(!atomic_load_explicit(&lp_waits_on, memory_order_relaxed)))                     \
            return (call);                                                                         \
        return watched_##name(args, CALLER);                                                       \
    }

static void release(const void *mutex, void *caller)
{
    if (atomic_load_explicit(&lp_contended, memory_order_relaxed) == 0)
        return;
    int64_t ns = lp_held_up(mutex);
    if (ns > 0 && lp_hooks_process())
        lp_wait_caused(ns, caller);
}

static bool waited(int result)
{
    return result == 0 || result == ETIMEDOUT || result == EOWNERDEAD;
}

#define CONDITION(name, params, args)                                                              \
    LP_FIND(name)                                                                                  \
    __attribute__((noinline)) static int watched_##name(params, void *caller)                      \
    {                                                                                              \
        release(mutex, caller);                                                                    \
        return LP_TIMED(name, (args), caller, waited(result));                                     \
    }                                                                                              \
    HOOK(name, LIST(params), LIST(args))

CONDITION(pthread_cond_wait, LIST(pthread_cond_t *condition, pthread_mutex_t *mutex),
          LIST(condition, mutex))
CONDITION(pthread_cond_timedwait,
          LIST(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until),
          LIST(condition, mutex, until))
#if __GLIBC_PREREQ(2, 30)
CONDITION(pthread_cond_clockwait,
          LIST(pthread_cond_t *condition, pthread_mutex_t *mutex, clockid_t clock,
               const struct timespec *until),
          LIST(condition, mutex, clock, until))
#endif

#define CND(name, params, args)                                                                    \
    LP_FIND(name)                                                                                  \
    __attribute__((noinline)) static int watched_##name(params, void *caller)                      \
    {                                                                                              \
        release(mutex, caller);                                                                    \
        return LP_TIMED(name, (args), caller, result == thrd_success || result == thrd_timedout);  \
    }                                                                                              \
    HOOK(name, LIST(params), LIST(args))

CND(cnd_wait, LIST(cnd_t *condition, mtx_t *mutex), LIST(condition, mutex))
CND(cnd_timedwait, LIST(cnd_t *condition, mtx_t *mutex, const struct timespec *until),
    LIST(condition, mutex, until))

LP_FIND(sem_trywait)
/* Is it available without waiting? The calls are cancellation points even then. errno is kept. */
static bool sem_there(sem_t *semaphore)
{
    LP_KEEP_ERRNO;
    pthread_testcancel();
    return LP_REAL(sem_trywait)(semaphore) == 0;
}

/* A signal that interrupts a wait (EINTR) comes after waiting. So that counts as a wait. The kernel
 * repeats a wait without a time-out itself. */
#define SEMAPHORE(name, params, args, sound, call)                                                 \
    LP_FIND(name)                                                                                  \
    __attribute__((noinline)) static int watched_##name(params, void *caller)                      \
    {                                                                                              \
        if ((sound) && sem_there(semaphore))                                                       \
            return 0;                                                                              \
        return LP_TIMED_CALL(call, caller, result == 0 || errno == ETIMEDOUT || errno == EINTR);   \
    }                                                                                              \
    HOOK_CALL(name, LIST(params), LIST(args), call)

SEMAPHORE(sem_wait, LIST(sem_t *semaphore), LIST(semaphore), true, LP_REAL(sem_wait)(semaphore))
SEMAPHORE(sem_timedwait, LIST(sem_t *semaphore, const struct timespec *until),
          LIST(semaphore, until), lp_valid_time(until),
          LP_AGAIN(LP_REAL(sem_timedwait)(semaphore, until)))
#if __GLIBC_PREREQ(2, 30)
SEMAPHORE(sem_clockwait, LIST(sem_t *semaphore, clockid_t clock, const struct timespec *until),
          LIST(semaphore, clock, until), lp_valid_clock(clock) && lp_valid_time(until),
          LP_AGAIN(LP_REAL(sem_clockwait)(semaphore, clock, until)))
#endif

LP_FIND(pthread_barrier_wait)
/* The last thread to arrive releases the others, and has not waited. */
__attribute__((noinline)) static int watched_pthread_barrier_wait(pthread_barrier_t *barrier,
                                                                  void *caller)
{
    struct lp_timed timed = lp_timed_begin(caller);
    int result = LP_REAL(pthread_barrier_wait)(barrier);
    if (result == 0)
        lp_timed_end(&timed);
    return result;
}
HOOK(pthread_barrier_wait, LIST(pthread_barrier_t *barrier), LIST(barrier))
