/*
 * What is shown about a socket: addresses, state, queues, and how long no byte has been received or
 * sent.
 *
 * Queues are what `ss` calls Recv-Q and Send-Q. For TCP and the receiving side of Unix streams,
 * they are bytes of payload. For Unix datagrams, the size of the next one. For others, the kernel's
 * memory, which is more.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "inspect/describe.h"
#include "inspect/sockets.h"

enum { TCP_STATES = 13, MS = 1000000 };

static const char *state_name(unsigned state)
{
    static const char *const names[TCP_STATES] = {
        "unknown state", "ESTABLISHED", "SYN-SENT", "SYN-RECV",   "FIN-WAIT-1",
        "FIN-WAIT-2",    "TIME-WAIT",   "CLOSED",   "CLOSE-WAIT", "LAST-ACK",
        "LISTEN",        "CLOSING",     "SYN-RECV"};
    enum { BOUND_INACTIVE = 13 }; /* Linux 6.8: bound, and not connected */
    if (state == BOUND_INACTIVE)
        state = LP_TCP_CLOSED;
    return names[state < TCP_STATES ? state : 0];
}

/* An abstract name begins with a zero, and may have more anywhere. */
static void unix_text(char *text, size_t capacity, const struct lp_socket *socket)
{
    size_t n = socket->name_length, i;
    if (n == 0) {
        snprintf(text, capacity, "unnamed");
        return;
    }
    if (socket->name[0])
        n = strnlen(socket->name, n);
    for (i = 0; i < n && i + 1 < capacity; i++)
        text[i] = socket->name[i] ? socket->name[i] : '@';
    text[i] = '\0';
}

static void ip_text(char *text, size_t capacity, const struct lp_socket *socket, int end)
{
    char host[INET6_ADDRSTRLEN];
    if (!inet_ntop(socket->family, socket->address[end], host, sizeof host))
        host[0] = '\0';
    snprintf(text, capacity, socket->family == AF_INET6 ? "[%s]:%u" : "%s:%u", host,
             (unsigned)socket->port[end]);
}

/* A Unix socket whose connection waits to be accepted has a peer without an inode. */
static const char *unix_peer_text(char *text, size_t capacity, const struct lp_sockets *sockets,
                                  const struct lp_socket *socket)
{
    const struct lp_socket *peer = lp_sockets_find(sockets, socket->peer);
    if (peer)
        unix_text(text, capacity, peer);
    return peer                                   ? text
           : !socket->queued || socket->peer != 0 ? "unnamed"
           : socket->shut                         ? "closed"
                                                  : "not accepted yet";
}

static bool is_connected(const struct lp_socket *socket)
{
    static const uint32_t nowhere[4];
    return socket->connected || socket->port[1] ||
           memcmp(socket->address[1], nowhere, sizeof nowhere) != 0;
}

static void say_addresses(struct lp_fd_seen *seen, const struct lp_sockets *sockets,
                          const struct lp_socket *socket)
{
    char here[128], there[128];
    const char *peer = there;
    if (socket->family == AF_UNIX) {
        unix_text(here, sizeof here, socket);
        peer = unix_peer_text(there, sizeof there, sockets, socket);
    } else {
        ip_text(here, sizeof here, socket, 0);
        ip_text(there, sizeof there, socket, 1);
    }
    if (socket->state == LP_TCP_LISTEN)
        lp_fd_say(seen, "%s", here);
    else if (is_connected(socket))
        lp_fd_say(seen, "%s -> %s", here, peer);
    else
        lp_fd_say(seen, "%s, not connected", here);
}

static void say_queues(struct lp_fd_seen *seen, const struct lp_socket *socket)
{
    if (!socket->queued)
        return;
    seen->queued = (int64_t)socket->queue[0] + socket->queue[1];
    lp_fd_say(seen, "Recv-Q %u B, Send-Q %u B", socket->queue[0], socket->queue[1]);
}

static void say_backlog(struct lp_fd_seen *seen, const struct lp_socket *socket)
{
    if (socket->limited)
        lp_fd_say(seen, "backlog %u of %u", socket->queue[0], socket->queue[1]);
    else if (socket->queued)
        lp_fd_say(seen, "backlog %u", socket->queue[0]);
}

/* Before the first byte, the kernel counts from the connection's start. Before the connection, the
 * figure has no meaning. */
static void say_last_bytes(struct lp_fd_seen *seen, const struct lp_socket *socket)
{
    char in[LP_SECONDS_MAX], out[LP_SECONDS_MAX];
    int64_t in_ns = (int64_t)socket->last_in_ms * MS, out_ns = (int64_t)socket->last_out_ms * MS;

    if (!socket->timed) {
        lp_fd_say(seen, "idle not known");
        return;
    }
    if (socket->state == LP_TCP_SYN_SENT || !is_connected(socket)) {
        lp_fd_say(seen, "no byte yet, idle not known");
        return;
    }
    seen->idle_ns = in_ns < out_ns ? in_ns : out_ns;
    lp_seconds_text(in, in_ns);
    lp_seconds_text(out, out_ns);
    if (socket->got && socket->sent)
        lp_fd_say(seen, "last byte in %s ago, out %s ago", in, out);
    else if (socket->got)
        lp_fd_say(seen, "last byte in %s ago, none out", in);
    else if (socket->sent)
        lp_fd_say(seen, "last byte out %s ago, none in", out);
    else
        lp_fd_say(seen, "connected %s ago, no byte yet", lp_seconds_text(in, seen->idle_ns));
}

/* SO_KEEPALIVE is shown by its timer, unless a retransmission timer is running. */
static void say_keepalive(struct lp_fd_seen *seen, const struct lp_socket *socket)
{
    enum { NO_TIMER, KEEPALIVE = 2 };
    if (socket->state == LP_TCP_SYN_SENT || !is_connected(socket))
        return;
    if (socket->timer == KEEPALIVE)
        lp_fd_say(seen, "keepalive");
    else if (socket->timer == NO_TIMER)
        lp_fd_say(seen, "no keepalive");
}

void lp_socket_describe(const struct lp_sockets *sockets, const struct lp_socket *socket,
                        struct lp_fd_seen *seen)
{
    bool tcp = !strcmp(seen->kind, "tcp socket");
    if (socket->family != AF_NETLINK)
        say_addresses(seen, sockets, socket);
    seen->outside = strlen(seen->state);
    if (tcp || socket->state == LP_TCP_LISTEN)
        lp_fd_say(seen, "%s", state_name(socket->state));
    if (socket->state == LP_TCP_LISTEN) {
        say_backlog(seen, socket);
        return;
    }
    say_queues(seen, socket);
    if (!tcp) {
        lp_fd_say(seen, "idle not known");
        return;
    }
    say_last_bytes(seen, socket);
    say_keepalive(seen, socket);
}
