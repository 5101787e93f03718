/*
 * Waits for signals, and the list of pending ones. The program does not receive the profiler's
 * signals. The kernel ends these waits with EINTR after any signal (hooks/again.h).
 *
 * A program that waits for all signals has not chosen the profiler's. One that names a few means
 * what it names.
 */
#include "hooks/signals.h"

#include <stdint.h>
#include <string.h>

#include "hooks/again.h"
#include "hooks/lives.h"
#include "sys/readable.h"
#include "sys/syscall.h"

enum { FIRST_REALTIME = 32, MANY = 16 };

static uint64_t ours(void)
{
    return atomic_load_explicit(&lp_own_signals, memory_order_relaxed);
}

const sigset_t *lp_without_ours(const sigset_t *set, sigset_t *copy)
{
    uint64_t signals;
    if (!ours() || !lp_sys_readable(set))
        return set;
    memcpy(&signals, set, sizeof signals);
    if (!(signals & ours()) || __builtin_popcountll(signals >> FIRST_REALTIME) < MANY)
        return set;
    signals &= ~ours();
    *copy = (sigset_t){0};
    memcpy(copy, &signals, sizeof signals);
    return copy;
}

LP_FIND(sigwait)
LP_HOOK int sigwait(const sigset_t *restrict set, int *restrict signal)
{
    sigset_t copy;
    lp_hooks_lives(true);
    set = lp_without_ours(set, &copy);
    return LP_AGAIN_AFTER(LP_REAL(sigwait)(set, signal), got == EINTR, (void)0);
}

LP_FIND(sigwaitinfo)
LP_HOOK int sigwaitinfo(const sigset_t *restrict set, siginfo_t *restrict info)
{
    sigset_t copy;
    lp_hooks_lives(true);
    set = lp_without_ours(set, &copy);
    return LP_AGAIN(LP_REAL(sigwaitinfo)(set, info));
}

LP_FIND(sigtimedwait)
LP_HOOK int sigtimedwait(const sigset_t *restrict set, siginfo_t *restrict info,
                         const struct timespec *restrict timeout)
{
    sigset_t copy;
    struct timespec left;
    int64_t until = lp_until(timeout);
    set = lp_without_ours(set, &copy);
    return LP_AGAIN_AFTER(
        LP_REAL(sigtimedwait)(set, info, timeout), LP_EINTR(got),
        if (timeout) { left = lp_left(until), timeout = &left; });
}

LP_FIND(sigsuspend)
LP_HOOK int sigsuspend(const sigset_t *mask)
{
    lp_hooks_lives(true);
    return LP_AGAIN(LP_REAL(sigsuspend)(mask));
}

/* A signal of ours is pending if the thread blocked it after it was sent. */
LP_FIND(sigpending)
LP_HOOK int sigpending(sigset_t *set)
{
    uint64_t signals;
    int result = LP_REAL(sigpending)(set);
    if (result == 0) {
        memcpy(&signals, set, sizeof signals);
        signals &= ~ours();
        memcpy(set, &signals, sizeof signals);
    }
    return result;
}
