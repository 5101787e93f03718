/*
 * What the kernel knows about the program's sockets, by inode. It is read from the kernel's tables
 * and not from the sockets: no descriptor is borrowed or duplicated. A duplicate, even for a
 * moment, delays the FIN of a close() that comes meanwhile and keeps a registration in an epoll.
 *
 * A table is read once for all sockets of a protocol: by NETLINK_SOCK_DIAG (inspect/sockdiag.c), or
 * as text from /proc/net (inspect/procnet.c), which has less, where a seccomp filter or a missing
 * kernel module forbids that, or for threads in another network namespace than this one.
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

/* The kernel's numbers, also for Unix sockets and UDP. */
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
    const struct lp_socket_source *source; /* whose table it was in */
    uint8_t family, state;
    uint8_t timer;        /* TCP's, as in /proc/net/tcp */
    bool queued, limited; /* are the queues known; and of a listener, the limit? */
    bool timed;           /* are the next four known? */
    bool got, sent;       /* any byte */
    uint32_t last_in_ms, last_out_ms;
    uint32_t queue[2];      /* bytes in and out; of a listener, connections and their limit */
    uint32_t address[2][4]; /* here and there */
    uint16_t port[2];
    bool connected;      /* Unix: there is a peer, */
    uint32_t peer;       /* whose inode this is; 0: it has none any more, or not yet */
    bool shut;           /* both ways */
    uint8_t name_length; /* Unix */
    char name[LP_UNIX_NAME_MAX];
};

/* A protocol: how its sockets are called, and where its table is. */
struct lp_socket_source {
    const char *protocol; /* the kernel's name for it */
    const char *kind;
    uint8_t family, number; /* for sock_diag; family 0: it has no table there */
    const char *file;       /* in /proc; NULL: none */
};

/* The protocol of the socket behind a link of /proc; NULL: it is not known. */
const struct lp_socket_source *lp_socket_source(const char *path);

/* The inode in the target of such a link, "socket:[1234]"; 0: it is no socket. */
uint32_t lp_socket_inode(const char *target);

struct lp_sockets {
    struct lp_array list;   /* struct lp_socket, by inode */
    const uint32_t *wanted; /* inodes in order; of others only Unix sockets are kept, as peers */
    size_t nwanted;
    pid_t program;        /* lp_program_thread() */
    bool near;            /* it is in the network namespace of this thread */
    uint32_t asked, read; /* a bit for each source: its table was asked for; and could be read */
};

void lp_sockets_begin(struct lp_sockets *sockets, pid_t program, const uint32_t *wanted,
                      size_t nwanted);
void lp_sockets_release(struct lp_sockets *sockets);

/* Reads the table of this source, unless it was read before; NULL: all tables. false: none of them
 * can be read. */
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
