/* Descriptors that arrive in a message: SCM_RIGHTS, and the sender's pidfd. They count as opened
 * where the message is received. A message without control data, as nearly all are, costs one
 * comparison. */
#include "hooks/fds.h"
#include "hooks/sockets.h"

#include <limits.h>
#include <string.h>
#include <sys/socket.h>

#ifndef SCM_PIDFD
#define SCM_PIDFD 0x04
#endif

enum { PASSED_MAX = 253 }; /* the most that the kernel puts into one message (SCM_MAX_FD) */

/* The kernel wrote this, but it is the program's memory. So lengths are checked, and incomplete
 * parts are skipped. */
__attribute__((noinline)) static void received(struct msghdr *message, void *caller)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        int fds[PASSED_MAX];
        size_t size = c->cmsg_len - CMSG_LEN(0), n = size / sizeof *fds;
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_len < CMSG_LEN(sizeof *fds) || n > PASSED_MAX)
            continue;
        if (c->cmsg_type != SCM_RIGHTS && c->cmsg_type != SCM_PIDFD)
            continue;
        memcpy(fds, CMSG_DATA(c), n * sizeof *fds);
        lp_fds_opened(fds, (int)n, caller);
    }
}

LP_FIND(recvmsg)
LP_HOOK ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    ssize_t result = LP_AGAIN_SOCKET(LP_REAL(recvmsg)(fd, message, flags), fd, SO_RCVTIMEO);
    if (result >= 0 && message->msg_controllen)
        received(message, CALLER);
    return result;
}

LP_FIND(recvmmsg)
LP_HOOK int recvmmsg(int fd, struct mmsghdr *messages, unsigned int n, int flags,
                     struct timespec *timeout)
{
    int result =
        LP_AGAIN_SOCKET(LP_REAL(recvmmsg)(fd, messages, n, flags, timeout), fd, SO_RCVTIMEO);
    for (int i = 0; i < result; i++)
        if (messages[i].msg_hdr.msg_controllen)
            received(&messages[i].msg_hdr, CALLER);
    return result;
}
