/* The program's descriptors that are open now. Profiler's thread only. */
#ifndef LP_INSPECT_FDS_H
#define LP_INSPECT_FDS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "inspect/sockets.h"
#include "sys/array.h"

/* Calls visit for each descriptor in the table of this thread (lp_program_thread()). `own` ones are
 * the profiler's. Returns 0 or a negative errno. */
int lp_each_fd(pid_t program, void (*visit)(int fd, bool own, void *arg), void *arg);

struct lp_open_fd {
    int fd;
    uint32_t inode;                        /* a socket's inode, else 0 */
    const struct lp_socket_source *source; /* for a socket that is in no table; NULL: not known */
};

/* The program's descriptors, without the profiler's, and the tables of their sockets. */
struct lp_fds {
    pid_t program;          /* the thread whose table is read */
    struct lp_array list;   /* struct lp_open_fd */
    struct lp_array inodes; /* uint32_t, in order */
    struct lp_sockets sockets;
};

/* 0 or negative errno. Release it in both cases. */
int lp_fds_read(struct lp_fds *fds);
void lp_fds_release(struct lp_fds *fds);

#endif
