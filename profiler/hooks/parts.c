/*
 * Calls that send a list of parts. What our signal cuts short is continued, as in hooks/sockets.c:
 * first the rest of the part that was cut, then the parts behind it. So the list need not be
 * copied.
 */
#include "hooks/sockets.h"

#include <stddef.h>
#include <sys/uio.h>

struct list {
    const struct iovec *parts;
    size_t n;
};

/* What is left of a list after so many bytes. It is `cut` alone if a part has been cut. */
static struct list left_of(struct list all, size_t moved, struct iovec *cut)
{
    size_t i = 0;
    while (i < all.n && moved >= all.parts[i].iov_len)
        moved -= all.parts[i++].iov_len;
    if (i == all.n || moved == 0)
        return (struct list){all.parts + i, all.n - i};
    *cut = (struct iovec){(char *)all.parts[i].iov_base + moved, all.parts[i].iov_len - moved};
    return (struct list){cut, 1};
}

/* Makes the call, which sends `next`, until all is sent or something else than our signal has ended
 * it. `continued`: it may be made more than once. */
#define SEND_ALL(call, all, next, continued)                                                       \
    size_t moved = 0;                                                                              \
    struct iovec cut;                                                                              \
    LP_NOTE_ERRNO(kept);                                                                           \
    for (;;) {                                                                                     \
        ssize_t sent = LP_AGAIN_SOCKET(call, fd, SO_SNDTIMEO);                                     \
        if (sent <= 0 && moved > 0)                                                                \
            errno = kept;                                                                          \
        if (sent <= 0)                                                                             \
            return moved ? (ssize_t)moved : sent;                                                  \
        moved += (size_t)sent;                                                                     \
        bool rest_is_due = next.parts == &cut && (size_t)sent == cut.iov_len;                      \
        if (!(continued) || !(LP_ONLY_OURS() || rest_is_due))                                      \
            return (ssize_t)moved;                                                                 \
        next = left_of(all, moved, &cut);                                                          \
        if (next.n == 0)                                                                           \
            return (ssize_t)moved;                                                                 \
    }

LP_FIND(writev)
LP_HOOK ssize_t writev(int fd, const struct iovec *parts, int n)
{
    const struct list all = {parts, (size_t)n};
    struct list next = all;
    SEND_ALL(LP_REAL(writev)(fd, next.parts, (int)next.n), all, next, true)
}

static const struct msghdr *with(struct msghdr *rest, const struct msghdr *message,
                                 struct list parts)
{
    *rest = *message;
    rest->msg_iov = (struct iovec *)parts.parts;
    rest->msg_iovlen = parts.n;
    return rest;
}

/* A message with control data is not continued: these belong to its first byte, or to all. */
LP_FIND(sendmsg)
LP_HOOK ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    struct msghdr rest;
    struct list next = {0};
    SEND_ALL(LP_REAL(sendmsg)(fd, moved ? with(&rest, message, next) : message, flags),
             ((struct list){message->msg_iov, message->msg_iovlen}), next,
             message->msg_controllen == 0 && !(flags & MSG_ZEROCOPY))
}
