/*
 * What a socket says of itself: who talks to whom, in which state, what waits in its queues, and
 * for how long nothing has come or gone. A socket that is not closed for want of a time-out shows
 * here: connected, idle, "no timeout, no keepalive".
 *
 * Queues are what `ss` calls Recv-Q and Send-Q: payload in TCP and in the receiving half of Unix
 * streams, elsewhere the kernel's memory, which is more.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "inspect/describe.h"

enum { TCP_STATES = 13, MS = 1000000 };

/* The kernel's numbers, which <netinet/tcp.h> has under names that <linux/tcp.h> does not bear
 * beside it. */
enum { SYN_SENT = 2, CLOSED = 7, CLOSE_WAIT, LAST_ACK, LISTEN, CLOSING };

static const char *state_name(unsigned state)
{
    static const char *const names[TCP_STATES] = {
        "unknown state", "ESTABLISHED", "SYN-SENT", "SYN-RECV",   "FIN-WAIT-1",
        "FIN-WAIT-2",    "TIME-WAIT",   "CLOSED",   "CLOSE-WAIT", "LAST-ACK",
        "LISTEN",        "CLOSING",     "SYN-RECV"};
    return names[state < TCP_STATES ? state : 0];
}

static int option(int fd, int level, int name)
{
    int value = 0;
    socklen_t n = sizeof value;
    return getsockopt(fd, level, name, &value, &n) == 0 ? value : 0;
}

static void unix_text(char *text, size_t room, const struct sockaddr_un *address, socklen_t length)
{
    size_t n = length - offsetof(struct sockaddr_un, sun_path), i;
    const char *path = address->sun_path;
    if (n > sizeof address->sun_path)
        n = sizeof address->sun_path;
    if (path[0]) /* else it is abstract, and may have zeros anywhere */
        n = strnlen(path, n);
    for (i = 0; i < n && i + 1 < room; i++)
        text[i] = path[i] ? path[i] : '@';
    text[i] = '\0';
}

static void address_text(char *text, size_t room, const struct sockaddr_storage *address,
                         socklen_t length)
{
    char host[INET6_ADDRSTRLEN];
    const struct sockaddr_in *in = (const void *)address;
    const struct sockaddr_in6 *in6 = (const void *)address;

    if (address->ss_family == AF_INET)
        snprintf(text, room, "%s:%d", inet_ntop(AF_INET, &in->sin_addr, host, sizeof host),
                 ntohs(in->sin_port));
    else if (address->ss_family == AF_INET6)
        snprintf(text, room, "[%s]:%d", inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof host),
                 ntohs(in6->sin6_port));
    else if (address->ss_family == AF_UNIX && length > sizeof(sa_family_t))
        unix_text(text, room, (const void *)address, length);
    else
        snprintf(text, room, "unnamed");
}

static void say_addresses(int fd, struct lp_fd_seen *seen, bool listening)
{
    struct sockaddr_storage local = {0}, peer = {0};
    socklen_t nlocal = sizeof local, npeer = sizeof peer;
    char a[128] = "unbound", b[128];

    if (getsockname(fd, (void *)&local, &nlocal) == 0)
        address_text(a, sizeof a, &local, nlocal);
    if (listening) {
        lp_fd_say(seen, "%s", a);
    } else if (getpeername(fd, (void *)&peer, &npeer) == 0) {
        address_text(b, sizeof b, &peer, npeer);
        lp_fd_say(seen, "%s -> %s", a, b);
    } else {
        lp_fd_say(seen, "%s, not connected", a);
    }
}

/* `memory`: its SIOCINQ would speak of the next message only. */
static void say_queues(int fd, struct lp_fd_seen *seen, bool memory)
{
    int in = 0, out = 0;
    uint32_t used[SK_MEMINFO_VARS] = {0};
    socklen_t n = sizeof used;
    if (memory && getsockopt(fd, SOL_SOCKET, SO_MEMINFO, used, &n) == 0)
        in = (int)used[SK_MEMINFO_RMEM_ALLOC];
    else if (ioctl(fd, SIOCINQ, &in) != 0)
        in = 0;
    if (ioctl(fd, SIOCOUTQ, &out) != 0)
        out = 0;
    seen->queued = (int64_t)in + out;
    lp_fd_say(seen, "Recv-Q %d B, Send-Q %d B", in, out);
}

static int64_t timeout_ns(int fd, int name)
{
    struct timeval time = {0};
    socklen_t n = sizeof time;
    if (getsockopt(fd, SOL_SOCKET, name, &time, &n) != 0)
        return 0;
    return time.tv_sec * INT64_C(1000000000) + time.tv_usec * 1000;
}

static void say_timeouts(int fd, struct lp_fd_seen *seen)
{
    char text[LP_SECONDS_MAX];
    int64_t receive = timeout_ns(fd, SO_RCVTIMEO), sends = timeout_ns(fd, SO_SNDTIMEO);
    if (receive)
        lp_fd_say(seen, "receive timeout %s", lp_seconds_text(text, receive));
    if (sends)
        lp_fd_say(seen, "send timeout %s", lp_seconds_text(text, sends));
    if (!receive && !sends)
        lp_fd_say(seen, "no timeout");
}

/* Before the first byte the kernel counts from when the connection was made, and before that from
 * nowhere. A peer's FIN is counted as a byte received. */
static void say_last_bytes(struct lp_fd_seen *seen, const struct tcp_info *info)
{
    char in[LP_SECONDS_MAX], out[LP_SECONDS_MAX];
    unsigned state = info->tcpi_state;
    bool fin = state == CLOSE_WAIT || state == LAST_ACK || state == CLOSING;
    bool got = info->tcpi_bytes_received > (fin ? 1 : 0), sent = info->tcpi_bytes_sent > 0;
    int64_t in_ns = (int64_t)info->tcpi_last_data_recv * MS,
            out_ns = (int64_t)info->tcpi_last_data_sent * MS;

    if (state == SYN_SENT || (state == CLOSED && !got && !sent)) {
        lp_fd_say(seen, "no byte yet, idle not known");
        return;
    }
    seen->idle_ns = in_ns < out_ns ? in_ns : out_ns;
    lp_seconds_text(in, in_ns);
    lp_seconds_text(out, out_ns);
    if (got && sent)
        lp_fd_say(seen, "last byte in %s ago, out %s ago", in, out);
    else if (got)
        lp_fd_say(seen, "last byte in %s ago, none out", in);
    else if (sent)
        lp_fd_say(seen, "last byte out %s ago, none in", out);
    else
        lp_fd_say(seen, "connected %s ago, no byte yet", lp_seconds_text(in, seen->idle_ns));
}

static void describe_tcp(int fd, struct lp_fd_seen *seen, const struct tcp_info *info)
{
    bool listening = info->tcpi_state == LISTEN;
    seen->kind = "tcp socket";
    say_addresses(fd, seen, listening);
    lp_fd_say(seen, "%s", state_name(info->tcpi_state));
    if (listening) { /* here the kernel keeps the queue of connections under these names */
        lp_fd_say(seen, "backlog %u of %u", info->tcpi_unacked, info->tcpi_sacked);
        return;
    }
    say_queues(fd, seen, false);
    say_last_bytes(seen, info);
    say_timeouts(fd, seen);
    lp_fd_say(seen, "%s", option(fd, SOL_SOCKET, SO_KEEPALIVE) ? "keepalive" : "no keepalive");
}

static const char *kind_of(int domain, int type)
{
    switch (domain) {
    case AF_UNIX:
        return "unix socket";
    case AF_INET:
    case AF_INET6:
        return type == SOCK_DGRAM ? "udp socket" : "ip socket";
    case AF_NETLINK:
        return "netlink socket";
    default:
        return "socket";
    }
}

static void describe_other(int fd, struct lp_fd_seen *seen, int domain, int type)
{
    bool listening = option(fd, SOL_SOCKET, SO_ACCEPTCONN);
    unsigned waiting, limit;
    seen->kind = kind_of(domain, type);
    say_addresses(fd, seen, listening);
    if (!listening) {
        say_queues(fd, seen, !(domain == AF_UNIX && type != SOCK_DGRAM));
        say_timeouts(fd, seen);
        lp_fd_say(seen, "idle not known");
        return;
    }
    lp_fd_say(seen, "LISTEN");
    if (domain == AF_UNIX && lp_unix_backlog(fd, &waiting, &limit))
        lp_fd_say(seen, "backlog %u of %u", waiting, limit);
}

void lp_socket_describe(int fd, struct lp_fd_seen *seen)
{
    int domain = option(fd, SOL_SOCKET, SO_DOMAIN), type = option(fd, SOL_SOCKET, SO_TYPE);
    struct tcp_info info = {0};
    socklen_t n = sizeof info;
    bool tcp = (domain == AF_INET || domain == AF_INET6) && type == SOCK_STREAM &&
               getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) == 0;
    if (tcp)
        describe_tcp(fd, seen, &info);
    else
        describe_other(fd, seen, domain, type);
    if (fcntl(fd, F_GETFL) & O_NONBLOCK)
        lp_fd_say(seen, "nonblocking");
}
