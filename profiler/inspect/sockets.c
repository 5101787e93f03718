#include "inspect/sockets.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "inspect/program.h"
#include "sys/file.h"

static const struct lp_socket_source sources[] = {
    {"TCP", "tcp socket", AF_INET, IPPROTO_TCP, "net/tcp"},
    {"TCPv6", "tcp socket", AF_INET6, IPPROTO_TCP, "net/tcp6"},
    {"UDP", "udp socket", AF_INET, IPPROTO_UDP, "net/udp"},
    {"UDPv6", "udp socket", AF_INET6, IPPROTO_UDP, "net/udp6"},
    {"UNIX", "unix socket", AF_UNIX, 0, "net/unix"},
    {"NETLINK", "netlink socket", AF_NETLINK, 0, "net/netlink"},
    {"RAW", "ip socket", 0, 0, "net/raw"},
    {"RAWv6", "ip socket", 0, 0, "net/raw6"},
    {"PING", "ip socket", 0, 0, "net/icmp"},
    {"PINGv6", "ip socket", 0, 0, "net/icmp6"},
    {"UDP-Lite", "udp socket", 0, 0, "net/udplite"},
    {"UDPLITEv6", "udp socket", 0, 0, "net/udplite6"},
    {"MPTCP", "ip socket", 0, 0, NULL},
    {"MPTCPv6", "ip socket", 0, 0, NULL},
    {"SCTP", "ip socket", 0, 0, NULL},
    {"SCTPv6", "ip socket", 0, 0, NULL},
};
enum { SOURCES = sizeof sources / sizeof *sources };

const struct lp_socket_source *lp_socket_source(const char *path)
{
    char name[32] = "";
    ssize_t n = getxattr(path, "system.sockprotoname", name, sizeof name - 1);
    if (n <= 0)
        return NULL;
    if (!strcmp(name, "UNIX-STREAM"))
        memcpy(name, "UNIX", sizeof "UNIX"); /* one table for all types */
    for (size_t i = 0; i < SOURCES; i++)
        if (!strcmp(name, sources[i].protocol))
            return &sources[i];
    static const struct lp_socket_source other = {.protocol = "", .kind = "socket"};
    return &other;
}

uint32_t lp_socket_inode(const char *target)
{
    static const char prefix[] = "socket:[";
    if (strncmp(target, prefix, sizeof prefix - 1) != 0)
        return 0;
    return (uint32_t)strtoul(target + sizeof prefix - 1, NULL, 10);
}

static int by_inode(const void *x, const void *y)
{
    uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;
    return (a > b) - (a < b);
}

_Static_assert(offsetof(struct lp_socket, inode) == 0, "by_inode() compares rows, too");

static bool is_wanted(const struct lp_sockets *sockets, uint32_t inode)
{
    return sockets->nwanted &&
           bsearch(&inode, sockets->wanted, sockets->nwanted, sizeof inode, by_inode);
}

struct lp_socket *lp_sockets_add(struct lp_sockets *sockets, uint32_t inode,
                                 const struct lp_socket_source *source)
{
    if (!inode || (source->family != AF_UNIX && !is_wanted(sockets, inode)))
        return NULL;
    struct lp_socket *socket = lp_array_add(&sockets->list);
    if (socket) {
        socket->inode = inode;
        socket->source = source;
        socket->family = source->family;
    }
    return socket;
}

/* sock_diag reports on the network namespace of the calling thread. */
static bool same_namespace(pid_t program)
{
    char path[LP_PROGRAM_PATH], ours[64] = "", theirs[64] = "";
    return readlink(LP_PROC_SELF "ns/net", ours, sizeof ours - 1) <= 0 ||
           readlink(lp_program_path(path, program, "ns/net"), theirs, sizeof theirs - 1) <= 0 ||
           !strcmp(ours, theirs);
}

static int read_table(struct lp_sockets *sockets, const struct lp_socket_source *source)
{
    size_t before = sockets->list.n;
    if (sockets->near && source->family && lp_sockdiag_read(sockets, source) == 0)
        return 0;
    sockets->list.n = before;
    return lp_procnet_read(sockets, source);
}

void lp_sockets_begin(struct lp_sockets *sockets, pid_t program, const uint32_t *wanted,
                      size_t nwanted)
{
    *sockets = (struct lp_sockets){.list = LP_ARRAY(struct lp_socket, LP_OWN_FDS),
                                   .wanted = wanted,
                                   .nwanted = nwanted,
                                   .program = program,
                                   .near = same_namespace(program)};
}

bool lp_sockets_read(struct lp_sockets *sockets, const struct lp_socket_source *source)
{
    uint32_t all = 0;
    for (size_t i = 0; i < SOURCES; i++)
        if (sources[i].file && (!source || source == &sources[i]))
            all |= UINT32_C(1) << i;
    size_t before = sockets->list.n;
    for (size_t i = 0; i < SOURCES; i++)
        if ((all & ~sockets->asked) >> i & 1 && read_table(sockets, &sources[i]) == 0)
            sockets->read |= UINT32_C(1) << i;
    sockets->asked |= all;
    if (sockets->list.n > before)
        qsort(sockets->list.at, sockets->list.n, sizeof(struct lp_socket), by_inode);
    return (sockets->read & all) != 0;
}

void lp_sockets_release(struct lp_sockets *sockets)
{
    lp_array_release(&sockets->list);
}

const struct lp_socket *lp_sockets_find(const struct lp_sockets *sockets, uint32_t inode)
{
    return sockets->list.n && inode ? bsearch(&inode, sockets->list.at, sockets->list.n,
                                              sizeof(struct lp_socket), by_inode)
                                    : NULL;
}
