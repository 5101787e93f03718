/* How many connections wait in the queue of a listening Unix socket, and how many may. No call on
 * the socket itself tells; the kernel's socket diagnosis does, which `ss` asks, too. */
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inspect/describe.h"

static bool ask(int netlink, uint32_t inode)
{
    struct {
        struct nlmsghdr head;
        struct unix_diag_req body;
    } request = {{.nlmsg_len = sizeof request,
                  .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                  .nlmsg_flags = NLM_F_REQUEST},
                 {.sdiag_family = AF_UNIX,
                  .udiag_states = UINT32_MAX,
                  .udiag_ino = inode,
                  .udiag_show = UDIAG_SHOW_RQLEN,
                  .udiag_cookie = {UINT32_MAX, UINT32_MAX}}};
    return send(netlink, &request, sizeof request, 0) == (ssize_t)sizeof request;
}

static bool answer(int netlink, struct unix_diag_rqlen *queue)
{
    union {
        struct nlmsghdr head;
        char bytes[4096];
    } reply;
    ssize_t got =
        recv(netlink, &reply, sizeof reply, MSG_DONTWAIT); /* it answers while it is sent */
    if (got <= 0 || !NLMSG_OK(&reply.head, (size_t)got) ||
        reply.head.nlmsg_type != SOCK_DIAG_BY_FAMILY)
        return false;
    int left = (int)NLMSG_PAYLOAD(&reply.head, sizeof(struct unix_diag_msg));
    struct rtattr *a = (void *)((struct unix_diag_msg *)NLMSG_DATA(&reply.head) + 1);
    for (; RTA_OK(a, left); a = RTA_NEXT(a, left)) {
        if (a->rta_type != UNIX_DIAG_RQLEN || RTA_PAYLOAD(a) < sizeof *queue)
            continue;
        memcpy(queue, RTA_DATA(a), sizeof *queue);
        return true;
    }
    return false;
}

bool lp_unix_backlog(int fd, unsigned *waiting, unsigned *limit)
{
    struct stat st;
    struct unix_diag_rqlen queue;
    int netlink =
        fstat(fd, &st) == 0 ? socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG) : -1;
    if (netlink < 0)
        return false;
    bool told = ask(netlink, (uint32_t)st.st_ino) && answer(netlink, &queue);
    close(netlink);
    if (told) {
        *waiting = queue.udiag_rqueue;
        *limit = queue.udiag_wqueue;
    }
    return told;
}
