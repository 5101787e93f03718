/*
 * What is shown about one descriptor of the program. It comes from the links and fdinfo in /proc
 * and, for sockets, from the kernel's tables (inspect/sockets.h). The descriptor itself is never
 * used: a duplicate of it would keep open what the program closes.
 */
#ifndef LP_INSPECT_DESCRIBE_H
#define LP_INSPECT_DESCRIBE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "inspect/fds.h"

enum { LP_FD_STATE_MAX = 800 };

struct lp_fd_seen {
    const char *kind;            /* one of a few kinds, used as a label; NULL: closed meanwhile */
    char state[LP_FD_STATE_MAX]; /* the details */
    size_t outside;              /* its first bytes, which are addresses or a path */
    int64_t idle_ns;             /* since the last byte in either direction; -1: not known */
    int64_t queued;              /* bytes waiting in both directions */
    int64_t registered;          /* epoll registrations, inotify watches, fanotify marks */
};

void lp_fd_describe(struct lp_fds *fds, const struct lp_open_fd *open, struct lp_fd_seen *seen);

/* Fills all members except kind, which is set. */
void lp_socket_describe(const struct lp_sockets *sockets, const struct lp_socket *socket,
                        struct lp_fd_seen *seen);

/* Adds what fdinfo shows for a descriptor of this kind. Returns the flags that it is open with, or
 * -1. */
int lp_fdinfo_describe(pid_t program, int fd, struct lp_fd_seen *seen);

/* Appends to the state, after a comma unless it is empty. */
__attribute__((format(printf, 2, 3))) void lp_fd_say(struct lp_fd_seen *seen, const char *format,
                                                     ...);

/* "350 ms", "3.2 s". */
enum { LP_SECONDS_MAX = 32 };
const char *lp_seconds_text(char text[LP_SECONDS_MAX], int64_t ns);

#endif
