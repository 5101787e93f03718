/*
 * Threads, by the calls that create, join and detach them. A created thread begins and ends in a
 * function of ours, which is hidden in stacks. That function records every end: by return, by
 * pthread_exit() and by cancellation. So these need no hooks.
 *
 * Threads that libc starts for itself (for timers, asynchronous I/O and name look-ups) do not reach
 * these hooks. They are found in /proc/self/task.
 */
#include "hooks/threads.h"

#include "hooks/hook.h"
#include "hooks/lives.h"

#include <errno.h>
#include <pthread.h>
#include <threads.h>
#include <unistd.h>

#include "record/cpu.h"
#include "sys/keep_errno.h"
#include "sys/clock.h"
#include "sys/syscall.h"
#include "record/self.h"
#include "record/unwind.h"
#include "record/waits.h"
#include "hooks/timed.h"
#include "hooks/valid.h"
#include "record/threads.h"

#define CALLER __builtin_return_address(0)

_Atomic bool lp_threads_made;

static void one_more(void)
{
    if (!lp_self.own && !lp_hooks_threads_made())
        atomic_store(&lp_threads_made, true);
    lp_hooks_lives(true);
}

static bool watched(void)
{
    return !lp_self.own && !lp_self.busy && lp_hooks_process();
}

/* A ticket as the argument of a thread. */
static void *packed(struct lp_thread_ticket ticket)
{
    return (void *)((uintptr_t)ticket.row << 32 | ticket.use);
}

static struct lp_thread_ticket unpacked(void *arg)
{
    return (struct lp_thread_ticket){(uint32_t)((uintptr_t)arg >> 32), (uint32_t)(uintptr_t)arg};
}

static struct lp_thread_order begins(void *ticket)
{
    bool busy = lp_self.busy;
    lp_self.busy = true;
    struct lp_thread_order order = lp_thread_begins(unpacked(ticket), lp_gettid());
    lp_self.busy = busy;
    lp_cpu_thread_begins();
    return order;
}

static void ends(void *ticket)
{
    bool busy = lp_self.busy;
    lp_self.busy = true;
    lp_thread_ends(unpacked(ticket), lp_now_ns());
    lp_self.busy = busy;
    lp_cpu_thread_ends();
}

LP_UNSEEN static void *run_posix(void *ticket)
{
    struct lp_thread_order order = begins(ticket);
    void *result;
    pthread_cleanup_push(ends, ticket);
    result = ((void *(*)(void *))order.run)(order.arg);
    pthread_cleanup_pop(1);
    return result;
}

LP_UNSEEN static int run_c11(void *ticket)
{
    struct lp_thread_order order = begins(ticket);
    int result;
    pthread_cleanup_push(ends, ticket);
    result = ((int (*)(void *))order.run)(order.arg);
    pthread_cleanup_pop(1);
    return result;
}

static struct lp_thread_ticket creating(const struct lp_thread_order *order, void *caller)
{
    struct lp_thread_ticket ticket = {0};
    if (!watched())
        return ticket;
    LP_KEEP_ERRNO;
    lp_self.busy = true;
    ticket = lp_thread_new(order, lp_stack_of_call(caller), lp_now_ns());
    lp_self.busy = false;
    return ticket;
}

static int created(struct lp_thread_ticket ticket, int result)
{
    LP_KEEP_ERRNO;
    if (result == 0)
        lp_thread_made(ticket);
    else
        lp_thread_not_made(ticket);
    return result;
}

LP_FIND(pthread_create)
LP_HOOK int pthread_create(pthread_t *restrict thread, const pthread_attr_t *restrict attr,
                           void *(*run)(void *), void *restrict arg)
{
    int detach = PTHREAD_CREATE_JOINABLE;
    one_more();
    if (attr)
        pthread_attr_getdetachstate(attr, &detach);
    struct lp_thread_ticket ticket = creating(
        &(struct lp_thread_order){run, arg, thread, detach == PTHREAD_CREATE_DETACHED}, CALLER);
    if (!ticket.row)
        return LP_REAL(pthread_create)(thread, attr, run, arg);
    return created(
        ticket, LP_REAL(pthread_create)(lp_thread_handle(ticket), attr, run_posix, packed(ticket)));
}

LP_FIND(thrd_create)
LP_HOOK int thrd_create(thrd_t *thread, thrd_start_t run, void *arg)
{
    one_more();
    struct lp_thread_ticket ticket =
        creating(&(struct lp_thread_order){run, arg, thread, false}, CALLER);
    if (!ticket.row)
        return LP_REAL(thrd_create)(thread, run, arg);
    return created(ticket, LP_REAL(thrd_create)(lp_thread_handle(ticket), run_c11, packed(ticket)));
}

static struct lp_thread_ticket ticket_of(pthread_t thread)
{
    struct lp_thread_ticket ticket = {0};
    if (watched()) {
        LP_KEEP_ERRNO;
        ticket = lp_thread_find(thread);
    }
    return ticket;
}

static int joined(int result, struct lp_thread_ticket ticket)
{
    if (result == 0)
        lp_thread_joined(ticket);
    return result;
}

LP_FIND(pthread_tryjoin_np)
LP_HOOK int pthread_tryjoin_np(pthread_t thread, void **result)
{
    struct lp_thread_ticket ticket = ticket_of(thread);
    return joined(LP_REAL(pthread_tryjoin_np)(thread, result), ticket);
}

/* If the block profile is on and the thread has already ended, so that there is no wait, joins it
 * now. */
static bool joined_at_once(pthread_t thread, void **value)
{
    return atomic_load_explicit(&lp_waits_on, memory_order_relaxed) &&
           LP_REAL(pthread_tryjoin_np)(thread, value) == 0;
}

/* One line for each call that joins. It returns 0 for success. sound: the time given is valid. */
#define JOINS(name, params, args, sound)                                                           \
    LP_FIND(name)                                                                                  \
    LP_HOOK int name params                                                                        \
    {                                                                                              \
        struct lp_thread_ticket ticket = ticket_of(thread);                                        \
        if ((sound) && joined_at_once(thread, value))                                              \
            return joined(0, ticket);                                                              \
        return joined(LP_TIMED(name, args, CALLER, result == 0 || result == ETIMEDOUT), ticket);   \
    }

JOINS(pthread_join, (pthread_t thread, void **value), (thread, value), true)
JOINS(pthread_timedjoin_np, (pthread_t thread, void **value, const struct timespec *until),
      (thread, value, until), lp_valid_time(until))
#if __GLIBC_PREREQ(2, 31)
JOINS(pthread_clockjoin_np,
      (pthread_t thread, void **value, clockid_t clock, const struct timespec *until),
      (thread, value, clock, until), lp_valid_clock(clock) && lp_valid_time(until))
#endif

LP_FIND(thrd_join)
LP_HOOK int thrd_join(thrd_t thread, int *value)
{
    void *pointer;
    struct lp_thread_ticket ticket = ticket_of(thread);
    if (joined_at_once(thread, &pointer)) {
        if (value)
            *value = (int)(intptr_t)pointer;
        return joined(thrd_success, ticket);
    }
    return joined(LP_TIMED(thrd_join, (thread, value), CALLER, result == thrd_success), ticket);
}

/* After it is detached, it may end, and its handle may become another thread's. */
LP_FIND(pthread_detach)
LP_HOOK int pthread_detach(pthread_t thread)
{
    struct lp_thread_ticket ticket = ticket_of(thread);
    int result = LP_REAL(pthread_detach)(thread);
    if (result == 0)
        lp_thread_detached(ticket);
    return result;
}

LP_FIND(thrd_detach)
LP_HOOK int thrd_detach(thrd_t thread)
{
    struct lp_thread_ticket ticket = ticket_of(thread);
    int result = LP_REAL(thrd_detach)(thread);
    if (result == thrd_success)
        lp_thread_detached(ticket);
    return result;
}
