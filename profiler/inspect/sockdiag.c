/* Reads a table of sockets with NETLINK_SOCK_DIAG, as `ss` does: one dump per protocol. */
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/netlink_diag.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "inspect/sockets.h"

enum { TIME_WAIT = 6, NEW_SYN_RECV = 12 }; /* states of sockets without an inode */

struct request {
    struct nlmsghdr head;
    union {
        struct inet_diag_req_v2 inet;
        struct unix_diag_req unix_;
        struct netlink_diag_req netlink;
    } body;
};

static bool send_request(int netlink, const struct lp_socket_source *source)
{
    struct request request = {{.nlmsg_len = sizeof request,
                               .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                               .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
                              {{0}}};
    if (source->family == AF_UNIX)
        request.body.unix_ = (struct unix_diag_req){
            .sdiag_family = AF_UNIX,
            .udiag_states = UINT32_MAX,
            .udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_PEER | UDIAG_SHOW_RQLEN};
    else if (source->family == AF_NETLINK)
        request.body.netlink = (struct netlink_diag_req){.sdiag_family = AF_NETLINK,
                                                         .sdiag_protocol = NDIAG_PROTO_ALL,
                                                         .ndiag_show = NDIAG_SHOW_MEMINFO};
    else
        request.body.inet = (struct inet_diag_req_v2){
            .sdiag_family = source->family,
            .sdiag_protocol = source->number,
            .idiag_ext = 1 << (INET_DIAG_INFO - 1),
            .idiag_states = ~(UINT32_C(1) << TIME_WAIT | UINT32_C(1) << NEW_SYN_RECV)};
    return send(netlink, &request, sizeof request, 0) == (ssize_t)sizeof request;
}

/* The attribute's bytes. NULL: it is missing, or shorter than `least`. */
static const void *attribute(const struct nlmsghdr *head, size_t body, int type, size_t least,
                             size_t *length)
{
    const struct rtattr *a = (const void *)((const char *)NLMSG_DATA(head) + NLMSG_ALIGN(body));
    int left = (int)NLMSG_PAYLOAD(head, body);
    for (; RTA_OK(a, left); a = RTA_NEXT(a, left)) {
        if (a->rta_type != type || RTA_PAYLOAD(a) < least)
            continue;
        if (length)
            *length = RTA_PAYLOAD(a);
        return RTA_DATA(a);
    }
    return NULL;
}

/* Linux counts received bytes since 4.1 and sent bytes since 4.19. A peer's FIN counts as a byte
 * received, and as one in the queue until it is read. */
static void add_inet(struct lp_sockets *sockets, const struct lp_socket_source *source,
                     const struct nlmsghdr *head)
{
    const struct inet_diag_msg *message = NLMSG_DATA(head);
    struct lp_socket *socket = lp_sockets_add(sockets, message->idiag_inode, source);
    if (!socket)
        return;
    size_t length = 0;
    const void *bytes = attribute(head, sizeof *message, INET_DIAG_INFO, 1, &length);
    struct tcp_info info = {0};
    bool fin = message->idiag_state == LP_TCP_CLOSE_WAIT ||
               message->idiag_state == LP_TCP_LAST_ACK || message->idiag_state == LP_TCP_CLOSING;
    if (bytes)
        memcpy(&info, bytes, length < sizeof info ? length : sizeof info);
    socket->state = message->idiag_state;
    socket->timer = message->idiag_timer;
    socket->queued = socket->limited = true;
    socket->queue[0] = message->idiag_rqueue - (fin && message->idiag_rqueue > 0);
    socket->queue[1] = message->idiag_wqueue;
    socket->timed = length >= offsetof(struct tcp_info, tcpi_bytes_sent) + sizeof(uint64_t);
    socket->got = info.tcpi_bytes_received > fin;
    socket->sent = info.tcpi_bytes_sent > 0;
    socket->last_in_ms = info.tcpi_last_data_recv;
    socket->last_out_ms = info.tcpi_last_data_sent;
    memcpy(socket->address[0], message->id.idiag_src, sizeof socket->address[0]);
    memcpy(socket->address[1], message->id.idiag_dst, sizeof socket->address[1]);
    socket->port[0] = ntohs(message->id.idiag_sport);
    socket->port[1] = ntohs(message->id.idiag_dport);
}

static void add_unix(struct lp_sockets *sockets, const struct lp_socket_source *source,
                     const struct nlmsghdr *head)
{
    const struct unix_diag_msg *message = NLMSG_DATA(head);
    struct lp_socket *socket = lp_sockets_add(sockets, message->udiag_ino, source);
    if (!socket)
        return;
    size_t body = sizeof *message, length = 0;
    const void *name = attribute(head, body, UNIX_DIAG_NAME, 1, &length);
    const uint32_t *peer = attribute(head, body, UNIX_DIAG_PEER, sizeof *peer, NULL);
    const uint8_t *shut = attribute(head, body, UNIX_DIAG_SHUTDOWN, sizeof *shut, NULL);
    const struct unix_diag_rqlen *queue =
        attribute(head, body, UNIX_DIAG_RQLEN, sizeof *queue, NULL);
    socket->state = message->udiag_state;
    socket->queued = socket->limited = queue != NULL;
    socket->queue[0] = queue ? queue->udiag_rqueue : 0;
    socket->queue[1] = queue ? queue->udiag_wqueue : 0;
    socket->connected = peer != NULL;
    socket->peer = peer ? *peer : 0;
    socket->shut = shut && *shut == 3;
    length = length < sizeof socket->name ? length : sizeof socket->name;
    if (name)
        memcpy(socket->name, name, length);
    socket->name_length = (uint8_t)length;
}

static void add_netlink(struct lp_sockets *sockets, const struct lp_socket_source *source,
                        const struct nlmsghdr *head)
{
    const struct netlink_diag_msg *message = NLMSG_DATA(head);
    struct lp_socket *socket = lp_sockets_add(sockets, message->ndiag_ino, source);
    const uint32_t *memory =
        attribute(head, sizeof *message, NETLINK_DIAG_MEMINFO, sizeof *memory * 3, NULL);
    if (!socket || !memory)
        return;
    socket->queued = true;
    socket->queue[0] = memory[SK_MEMINFO_RMEM_ALLOC];
    socket->queue[1] = memory[SK_MEMINFO_WMEM_ALLOC];
}

static void add(struct lp_sockets *sockets, const struct lp_socket_source *source,
                const struct nlmsghdr *head)
{
    uint8_t family = source->family;
    size_t least = family == AF_UNIX      ? sizeof(struct unix_diag_msg)
                   : family == AF_NETLINK ? sizeof(struct netlink_diag_msg)
                                          : sizeof(struct inet_diag_msg);
    if (head->nlmsg_len < NLMSG_LENGTH(least))
        return;
    if (family == AF_UNIX)
        add_unix(sockets, source, head);
    else if (family == AF_NETLINK)
        add_netlink(sockets, source, head);
    else
        add_inet(sockets, source, head);
}

static int error_of(const struct nlmsghdr *head)
{
    const struct nlmsgerr *error = NLMSG_DATA(head);
    return head->nlmsg_len >= NLMSG_LENGTH(sizeof error->error) && error->error < 0 ? error->error
                                                                                    : -EIO;
}

/* The kernel makes each part of a dump while the one before is received, so this never waits. */
static int receive_all(int netlink, struct lp_sockets *sockets,
                       const struct lp_socket_source *source)
{
    static union {
        struct nlmsghdr head;
        char bytes[64 << 10];
    } reply;
    for (;;) {
        ssize_t n = recv(netlink, &reply, sizeof reply, MSG_DONTWAIT);
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        size_t left = NLMSG_ALIGN((size_t)n); /* the padding of the last message may be missing */
        for (const struct nlmsghdr *head = &reply.head; NLMSG_OK(head, left);
             head = NLMSG_NEXT(head, left)) {
            if (head->nlmsg_type == NLMSG_DONE)
                return sockets->list.failed ? -ENOMEM : 0;
            if (head->nlmsg_type == NLMSG_ERROR)
                return error_of(head);
            if (head->nlmsg_type == SOCK_DIAG_BY_FAMILY)
                add(sockets, source, head);
        }
    }
}

int lp_sockdiag_read(struct lp_sockets *sockets, const struct lp_socket_source *source)
{
    int netlink = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (netlink < 0)
        return -errno;
    int result = send_request(netlink, source) ? receive_all(netlink, sockets, source) : -errno;
    close(netlink);
    return result;
}
