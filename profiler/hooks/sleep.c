/*
 * Sleeps. The kernel ends them with EINTR after any signal (hooks/again.h).
 */
#include "hooks/again.h"
#include "sys/keep_errno.h"

#include <threads.h>
#include <unistd.h>

/* `rem` is written only if the sleep ends early. So it is written at the end, and not by each
 * interruption. */
LP_FIND(nanosleep)
LP_HOOK int nanosleep(const struct timespec *request, struct timespec *rem)
{
    struct timespec left;
    int done = LP_AGAIN_AFTER(LP_REAL(nanosleep)(request, &left), LP_EINTR(got), request = &left);
    if (LP_EINTR(done) && rem)
        *rem = left;
    return done;
}

/* Returns the error. */
LP_FIND(clock_nanosleep)
LP_HOOK int clock_nanosleep(clockid_t clock, int flags, const struct timespec *request,
                            struct timespec *rem)
{
    struct timespec left;
    bool relative = !(flags & TIMER_ABSTIME);
    int error = LP_AGAIN_AFTER(LP_REAL(clock_nanosleep)(clock, flags, request, &left), got == EINTR,
                               if (relative) request = &left);
    if (error == EINTR && rem && relative)
        *rem = left;
    return error;
}

static int sleep_until(int64_t until, struct timespec *left)
{
    *left = lp_left(until);
    return LP_AGAIN(LP_REAL(nanosleep)(left, left));
}

LP_FIND(usleep)
LP_HOOK int usleep(useconds_t us)
{
    lp_hooks_lives(false);
    int64_t until = us ? lp_now_ns() + us * INT64_C(1000) : 0;
    LP_NOTE_ERRNO(errno_);
    struct timespec left;
    lp_interrupted_at = 0;
    int result = LP_REAL(usleep)(us);
    if (!(LP_EINTR(result) && LP_ONLY_OURS()))
        return result;
    errno = errno_;
    return sleep_until(until, &left);
}

/* If less than a second is left, the real function returns 0 after an interruption, too. */
LP_FIND(sleep)
LP_HOOK unsigned sleep(unsigned seconds)
{
    lp_hooks_lives(false);
    int64_t until = seconds ? lp_now_ns() + seconds * INT64_C(1000000000) : 0;
    LP_NOTE_ERRNO(errno_);
    struct timespec left;
    lp_interrupted_at = 0;
    unsigned result = LP_REAL(sleep)(seconds);
    if (!LP_ONLY_OURS())
        return result;
    errno = errno_;
    return sleep_until(until, &left) == 0 ? 0 : (unsigned)left.tv_sec;
}

LP_FIND(pause)
LP_HOOK int pause(void)
{
    lp_hooks_lives(true);
    return LP_AGAIN(LP_REAL(pause)());
}

/* Returns -1 after an interruption, and leaves errno alone. */
LP_FIND(thrd_sleep)
LP_HOOK int thrd_sleep(const struct timespec *request, struct timespec *rem)
{
    struct timespec left;
    int done = LP_AGAIN_AFTER(LP_REAL(thrd_sleep)(request, &left), got == -1, request = &left);
    if (done == -1 && rem)
        *rem = left;
    return done;
}

ALSO(nanosleep, __nanosleep)
