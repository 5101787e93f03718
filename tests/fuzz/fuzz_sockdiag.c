/* The kernel's tables of sockets as netlink messages. The first byte chooses the protocol. The rest
 * is what recv() gets, in pieces: two bytes with the length, then the message. */
#include "fuzz.h"

#include <errno.h>
#include <unistd.h>
#include <sys/socket.h>

#include "inspect/describe.h"
#include "inspect/sockets.h"

int __wrap_socket(int family, int type, int protocol);
int __real_socket(int family, int type, int protocol);
ssize_t __wrap_send(int fd, const void *buffer, size_t n, int flags);
ssize_t __real_send(int fd, const void *buffer, size_t n, int flags);
ssize_t __wrap_recv(int fd, void *buffer, size_t n, int flags);
ssize_t __real_recv(int fd, void *buffer, size_t n, int flags);

static struct fuzz *in;

int __wrap_socket(int family, int type, int protocol)
{
    return in ? dup(STDERR_FILENO) : __real_socket(family, type, protocol);
}

ssize_t __wrap_send(int fd, const void *buffer, size_t n, int flags)
{
    return in ? (ssize_t)n : __real_send(fd, buffer, n, flags);
}

ssize_t __wrap_recv(int fd, void *buffer, size_t n, int flags)
{
    if (!in)
        return __real_recv(fd, buffer, n, flags);
    size_t length = fuzz_number(in, 2);
    length = length < in->n ? length : in->n;
    length = length < n ? length : n;
    memcpy(buffer, in->at, length);
    in->at += length;
    in->n -= length;
    return (ssize_t)length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct lp_socket_source sources[] = {
        {"TCP", "tcp socket", AF_INET, 6, NULL},
        {"TCPv6", "tcp socket", AF_INET6, 6, NULL},
        {"UNIX", "unix socket", AF_UNIX, 0, NULL},
        {"NETLINK", "netlink socket", AF_NETLINK, 0, NULL},
    };
    static const uint32_t wanted[] = {0, 1, 2, 256, 1234, UINT32_MAX};
    struct fuzz all = {data, size};
    struct lp_sockets list;
    const struct lp_socket_source *source = &sources[fuzz_number(&all, 1) % 4];
    lp_sockets_begin(&list, getpid(), wanted, sizeof wanted / sizeof *wanted);
    in = &all;
    CHECK(lp_sockdiag_read(&list, source) <= 0);
    in = NULL;
    const struct lp_socket *sockets = list.list.at;
    for (size_t i = 0; i < list.list.n; i++) {
        struct lp_fd_seen seen = {.kind = source->kind};
        CHECK(sockets[i].name_length <= LP_UNIX_NAME_MAX);
        lp_socket_describe(&list, &sockets[i], &seen);
        CHECK(memchr(seen.state, 0, sizeof seen.state));
    }
    lp_sockets_release(&list);
    return 0;
}
