/*
 * What the kernel knows about the program's sockets, by inode. It is read from the kernel's tables
 * and not from the sockets: no descriptor is borrowed or duplicated. Even a short-lived duplicate
 * delays the FIN of a close() that comes meanwhile, and keeps an epoll registration.
 *
 * A table is read once for all sockets of a protocol, by NETLINK_SOCK_DIAG (inspect/sockdiag.c). If
 * a seccomp filter or a missing kernel module prevents that, or if the program is in another
 * network namespace, it is read as text from /proc/net (inspect/procnet.c), which contains less.
 * Profiler's thread only.
 */
#ifndef LP_INSPECT_SOCKETS_H
#define LP_INSPECT_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "sys/array.h"

enum { LP_UNIX_NAME_MAX = 108 };

/* The kernel's numbers. Unix sockets and UDP use them too. */
enum {
    LP_TCP_ESTABLISHED = 1,
    LP_TCP_SYN_SENT,
    LP_TCP_CLOSED = 7,
    LP_TCP_CLOSE_WAIT,
    LP_TCP_LAST_ACK,
    LP_TCP_LISTEN,
    LP_TCP_CLOSING
};

struct lp_socket {
    uint32_t inode;
    const struct lp_socket_source *source; /* the table that it was in */
    uint8_t family, state;
    uint8_t timer;        /* TCP's timer, as in /proc/net/tcp */
    bool queued, limited; /* are the queues known? for a listener: the limit? */
    bool timed;           /* are the next four known? */
    bool got, sent;       /* has a byte been received, sent? */
    uint32_t last_in_ms, last_out_ms;
    uint32_t queue[2];      /* bytes in and out; for a listener: connections and their limit */
    uint32_t address[2][4]; /* local and remote */
    uint16_t port[2];
    bool connected;      /* Unix: there is a peer, */
    uint32_t peer;       /* with this inode; 0: it has none any more, or not yet */
    bool shut;           /* in both directions */
    uint8_t name_length; /* of a Unix socket's name */
    char name[LP_UNIX_NAME_MAX];
};

/* A protocol: the name of its sockets, and where its table is. */
struct lp_socket_source {
    const char *protocol; /* the kernel's name for it */
    const char *kind;
    uint8_t family, number; /* for sock_diag; family 0: sock_diag has no table for it */
    const char *file;       /* in /proc; NULL: none */
};

/* The protocol of the socket behind a link of /proc; NULL: it is not known. */
const struct lp_socket_source *lp_socket_source(const char *path);

/* The inode in the target of such a link, "socket:[1234]". 0: it is not a socket. */
uint32_t lp_socket_inode(const char *target);

struct lp_sockets {
    struct lp_array list;   /* struct lp_socket, by inode */
    const uint32_t *wanted; /* sorted inodes; other sockets are kept only if Unix, as peers */
    size_t nwanted;
    pid_t program;        /* lp_program_thread() */
    bool near;            /* it is in the network namespace of this thread */
    uint32_t asked, read; /* one bit per source: reading its table was tried; succeeded */
};

void lp_sockets_begin(struct lp_sockets *sockets, pid_t program, const uint32_t *wanted,
                      size_t nwanted);
void lp_sockets_release(struct lp_sockets *sockets);

/* Reads the table of this source, unless it was read before. NULL: all tables. false: no table can
 * be read. */
bool lp_sockets_read(struct lp_sockets *sockets, const struct lp_socket_source *source);

/* NULL: it is in no table. */
const struct lp_socket *lp_sockets_find(const struct lp_sockets *sockets, uint32_t inode);

/* For the two readers: a new row, or NULL if the socket is not wanted. */
struct lp_socket *lp_sockets_add(struct lp_sockets *sockets, uint32_t inode,
                                 const struct lp_socket_source *source);

/* The readers. 0 or negative errno. */
int lp_sockdiag_read(struct lp_sockets *sockets, const struct lp_socket_source *source);
int lp_procnet_read(struct lp_sockets *sockets, const struct lp_socket_source *source);

#endif
