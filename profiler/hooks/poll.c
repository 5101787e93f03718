/*
 * Waits for descriptors. The kernel ends them with EINTR after any signal (hooks/again.h). Only
 * calls that have a time-out read the clock before they wait.
 */
#include "hooks/again.h"

#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>

#undef poll
#undef ppoll

static inline int64_t until_ms(int timeout)
{
    return timeout > 0 ? lp_now_ns() + timeout * INT64_C(1000000) : 0;
}

/* Never early, so a part of a millisecond counts as a whole one. */
static int left_ms(int64_t until, int timeout)
{
    int64_t ms = timeout > 0 ? (lp_left_ns(until) + 999999) / 1000000 : timeout;
    return ms < timeout ? (int)ms : timeout;
}

/* One line for each call with a time-out in milliseconds. */
#define WAITS_MS(name, params, args)                                                               \
    LP_FIND(name)                                                                                  \
    LP_HOOK int name params                                                                        \
    {                                                                                              \
        int64_t until = until_ms(timeout);                                                         \
        return LP_AGAIN_AFTER(LP_REAL(name) args, LP_EINTR(got),                                   \
                              timeout = left_ms(until, timeout));                                  \
    }

/* One line for each call with a struct timespec that may be constant. */
#define WAITS(name, params, args)                                                                  \
    LP_FIND(name)                                                                                  \
    LP_HOOK int name params                                                                        \
    {                                                                                              \
        struct timespec left;                                                                      \
        int64_t until = lp_until(timeout);                                                         \
        return LP_AGAIN_AFTER(                                                                     \
            LP_REAL(name) args, LP_EINTR(got),                                                     \
            if (timeout) { left = lp_left(until), timeout = &left; });                             \
    }

/* _FORTIFY_SOURCE replaces poll() and ppoll() by these. */
int __poll_chk(struct pollfd *fds, nfds_t n, int timeout, size_t size);
int __ppoll_chk(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask,
                size_t size);

WAITS_MS(poll, (struct pollfd * fds, nfds_t n, int timeout), (fds, n, timeout))
WAITS_MS(__poll_chk, (struct pollfd * fds, nfds_t n, int timeout, size_t size),
         (fds, n, timeout, size))
WAITS_MS(epoll_wait, (int epoll, struct epoll_event *events, int n, int timeout),
         (epoll, events, n, timeout))
WAITS_MS(epoll_pwait,
         (int epoll, struct epoll_event *events, int n, int timeout, const sigset_t *mask),
         (epoll, events, n, timeout, mask))

WAITS(ppoll, (struct pollfd * fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask),
      (fds, n, timeout, mask))
WAITS(__ppoll_chk,
      (struct pollfd * fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask,
       size_t size),
      (fds, n, timeout, mask, size))
WAITS(pselect,
      (int n, fd_set *restrict in, fd_set *restrict out, fd_set *restrict except,
       const struct timespec *restrict timeout, const sigset_t *restrict mask),
      (n, in, out, except, timeout, mask))

#if __GLIBC_PREREQ(2, 35)
int epoll_pwait2(int epoll, struct epoll_event *events, int n, const struct timespec *timeout,
                 const sigset_t *mask);
WAITS(epoll_pwait2,
      (int epoll, struct epoll_event *events, int n, const struct timespec *timeout,
       const sigset_t *mask),
      (epoll, events, n, timeout, mask))
#endif

/* The time that is left is in *timeout after an interruption. */
LP_FIND(select)
LP_HOOK int select(int n, fd_set *restrict in, fd_set *restrict out, fd_set *restrict except,
                   struct timeval *restrict timeout)
{
    return LP_AGAIN(LP_REAL(select)(n, in, out, except, timeout));
}

ALSO(poll, __poll)
ALSO(select, __select)
