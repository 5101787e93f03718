/*
 * Repeats waits that only the profiler's signals have interrupted (record/interrupted.h), with the
 * time that is left. The program gets neither the EINTR nor a longer wait.
 */
#ifndef LP_HOOKS_AGAIN_H
#define LP_HOOKS_AGAIN_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "record/interrupted.h"
#include "sys/clock.h"
#include "sys/keep_errno.h"
#include "hooks/hook.h"
#include "hooks/lives.h"

/* The real function waits at most this far below the frame of its hook. The frame of a signal is
 * larger. So a call that one of the program's handlers makes meanwhile is not mistaken for it. */
enum { LP_AGAIN_NEAR = 1024 };

static inline bool lp_again_near(const void *frame)
{
    return (uintptr_t)frame - lp_interrupted_at < LP_AGAIN_NEAR;
}

/* Have only our signals interrupted the call that LP_AGAIN made last? */
#define LP_ONLY_OURS() __builtin_expect(lp_again_near(__builtin_frame_address(0)), 0)

/* Makes the call, and repeats it while `interrupted`, an expression of `got`, is true and only
 * our signals were the reason. errno is as if there had been one call. The rest is what is
 * to be done before that. */
#define LP_AGAIN_AFTER(call, interrupted, ...)                                                     \
    ({                                                                                             \
        __typeof__(call) got;                                                                      \
        lp_hooks_lives(false);                                                                     \
        LP_NOTE_ERRNO(errno_);                                                                     \
        while (lp_interrupted_at = 0, got = (call), (interrupted) && LP_ONLY_OURS()) {             \
            __VA_ARGS__;                                                                           \
            errno = errno_;                                                                        \
        }                                                                                          \
        got;                                                                                       \
    })
#define LP_AGAIN(call) LP_AGAIN_AFTER(call, LP_EINTR(got), (void)0)
#define LP_EINTR(result) ((result) == -1 && errno == EINTR)

/* When a wait ends that begins now. INT64_MAX: not at all, or the time is not valid. */
static inline int64_t lp_until(const struct timespec *time)
{
    int64_t ns;
    if (!time || time->tv_sec < 0 || time->tv_nsec < 0 ||
        __builtin_mul_overflow(time->tv_sec, INT64_C(1000000000), &ns) ||
        __builtin_add_overflow(ns, time->tv_nsec, &ns) ||
        __builtin_add_overflow(ns, lp_now_ns(), &ns))
        return INT64_MAX;
    return ns;
}

static inline int64_t lp_left_ns(int64_t until)
{
    int64_t left = until - lp_now_ns();
    return left > 0 ? left : 0;
}

static inline struct timespec lp_left(int64_t until)
{
    int64_t left = lp_left_ns(until);
    return (struct timespec){left / 1000000000, left % 1000000000};
}

#endif
