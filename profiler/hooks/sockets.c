/*
 * See hooks/sockets.h. A blocking call that writes is also cut short by any signal: it returns what
 * it has moved so far. So it is continued. The same is true for a receiver that waits for all bytes
 * (MSG_WAITALL).
 *
 * parts.c has the calls that send lists of parts, messages.c those that receive messages, fds.c
 * those that accept connections.
 */
#include "hooks/sockets.h"

#include <poll.h>
#include <sys/sendfile.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include "sys/keep_errno.h"
#include "sys/syscall.h"

_Atomic bool lp_sockets_timed;

LP_FIND(setsockopt)
LP_HOOK int setsockopt(int fd, int level, int option, const void *value, socklen_t size)
{
    enum { RCVTIMEO_NEW = 66, SNDTIMEO_NEW = 67 };
    if (level == SOL_SOCKET && (option == SO_RCVTIMEO || option == SO_SNDTIMEO ||
                                option == RCVTIMEO_NEW || option == SNDTIMEO_NEW))
        atomic_store_explicit(&lp_sockets_timed, true, memory_order_relaxed);
    return LP_REAL(setsockopt)(fd, level, option, value, size);
}

static bool ready(int fd, int option, int64_t until)
{
    struct pollfd poll = {.fd = fd, .events = option == SO_RCVTIMEO ? POLLIN : POLLOUT};
    struct timespec left = lp_left(until);
    int n = ppoll(&poll, 1, &left, NULL);
    if (n == 0)
        errno = EAGAIN;
    return n > 0;
}

/* If the descriptor is no socket or has no time-out, the call is repeated at once. */
bool lp_socket_again(int fd, int option, int64_t *began)
{
    struct timeval timeout = {0};
    socklen_t size = sizeof timeout;
    if (*began == 0)
        *began = lp_now_ns();
    if (lp_syscall(SYS_getsockopt, fd, SOL_SOCKET, option, &timeout, &size) != 0 ||
        (timeout.tv_sec == 0 && timeout.tv_usec == 0))
        return true;
    return ready(fd, option,
                 *began + timeout.tv_sec * INT64_C(1000000000) + timeout.tv_usec * INT64_C(1000));
}

#define RECEIVES(name, params, args)                                                               \
    LP_FIND(name)                                                                                  \
    LP_HOOK ssize_t name params                                                                    \
    {                                                                                              \
        return LP_AGAIN_SOCKET(LP_REAL(name) args, fd, SO_RCVTIMEO);                               \
    }

/* One line for each call that may move `size` bytes in several steps. `whole`: it is meant to move
 * all. */
#define MOVES(name, type, params, args, option, whole)                                             \
    MOVES_ON(name, params, args, option, whole, data = (type *)data + n)
#define MOVES_ON(name, params, args, option, whole, ...)                                           \
    LP_FIND(name)                                                                                  \
    LP_HOOK ssize_t name params                                                                    \
    {                                                                                              \
        size_t moved = 0;                                                                          \
        LP_NOTE_ERRNO(kept);                                                                       \
        for (;;) {                                                                                 \
            ssize_t n = LP_AGAIN_SOCKET(LP_REAL(name) args, fd, option);                           \
            if (n <= 0 && moved > 0)                                                               \
                errno = kept;                                                                      \
            if (n <= 0)                                                                            \
                return moved ? (ssize_t)moved : n;                                                 \
            moved += (size_t)n;                                                                    \
            if ((size_t)n >= size || !(whole) || !LP_ONLY_OURS())                                  \
                return (ssize_t)moved;                                                             \
            __VA_ARGS__;                                                                           \
            size -= (size_t)n;                                                                     \
        }                                                                                          \
    }

/* The kernel moves the offset on. */
#define COPIES(name, type)                                                                         \
    MOVES_ON(name, (int fd, int from, type *offset, size_t size), (fd, from, offset, size),        \
             SO_SNDTIMEO, true, (void)0)

/* _FORTIFY_SOURCE replaces read(), recv() and recvfrom() by these. */
ssize_t __read_chk(int fd, void *data, size_t size, size_t room);
ssize_t __recv_chk(int fd, void *data, size_t size, size_t room, int flags);
ssize_t __recvfrom_chk(int fd, void *data, size_t size, size_t room, int flags,
                       __SOCKADDR_ARG address, socklen_t *length);

RECEIVES(read, (int fd, void *data, size_t size), (fd, data, size))
RECEIVES(__read_chk, (int fd, void *data, size_t size, size_t room), (fd, data, size, room))
RECEIVES(readv, (int fd, const struct iovec *parts, int n), (fd, parts, n))
MOVES(recvfrom, char,
      (int fd, void *restrict data, size_t size, int flags, __SOCKADDR_ARG address,
       socklen_t *restrict length),
      (fd, data, size, flags, address, length), SO_RCVTIMEO,
      (flags & MSG_WAITALL) && !address.__sockaddr__)
RECEIVES(__recvfrom_chk,
         (int fd, void *data, size_t size, size_t room, int flags, __SOCKADDR_ARG address,
          socklen_t *length),
         (fd, data, size, room, flags, address, length))
MOVES(recv, char, (int fd, void *data, size_t size, int flags), (fd, data, size, flags),
      SO_RCVTIMEO, flags &MSG_WAITALL)
MOVES(__recv_chk, char, (int fd, void *data, size_t size, size_t room, int flags),
      (fd, data, size, room - moved, flags), SO_RCVTIMEO, flags &MSG_WAITALL)

MOVES(write, const char, (int fd, const void *data, size_t size), (fd, data, size), SO_SNDTIMEO,
      true)
MOVES(send, const char, (int fd, const void *data, size_t size, int flags), (fd, data, size, flags),
      SO_SNDTIMEO, true)
MOVES(sendto, const char,
      (int fd, const void *data, size_t size, int flags, __CONST_SOCKADDR_ARG address,
       socklen_t length),
      (fd, data, size, flags, address, length), SO_SNDTIMEO, true)
COPIES(sendfile, off_t)
COPIES(sendfile64, off64_t)

LP_FIND(sendmmsg)
LP_HOOK int sendmmsg(int fd, struct mmsghdr *messages, unsigned n, int flags)
{
    return LP_AGAIN_SOCKET(LP_REAL(sendmmsg)(fd, messages, n, flags), fd, SO_SNDTIMEO);
}

static bool is_local(__CONST_SOCKADDR_ARG address)
{
    return address.__sockaddr__->sa_family == AF_UNIX;
}

/* A connection that is being made goes on meanwhile. The repeated call waits for it and returns
 * what came of it. */
LP_FIND(connect)
LP_HOOK int connect(int fd, __CONST_SOCKADDR_ARG address, socklen_t length)
{
    bool repeated = false;
    LP_NOTE_ERRNO(kept);
    int64_t began = atomic_load_explicit(&lp_sockets_timed, memory_order_relaxed) ? lp_now_ns() : 0;
    for (;; repeated = true) {
        lp_interrupted_at = 0;
        int result = LP_REAL(connect)(fd, address, length);
        if (!LP_EINTR(result) || !LP_ONLY_OURS()) {
            if (repeated && result == -1 && errno == EALREADY) /* the time-out has passed */
                errno = EINPROGRESS;
            return result;
        }
        if (!lp_socket_again(fd, SO_SNDTIMEO, &began)) {
            if (errno == EAGAIN && !is_local(address))
                errno = EINPROGRESS;
            return -1;
        }
        errno = kept;
    }
}

ALSO(read, __read)
ALSO(write, __write)
ALSO(send, __send)
ALSO(connect, __connect)
