/*
 * Inside this room: what can be said of one descriptor of the program. Asked are /proc/self/fd and
 * fdinfo, which need nothing but the number, and for sockets, pipes and the like the descriptor
 * itself, borrowed for a moment.
 */
#ifndef LP_INSPECT_DESCRIBE_H
#define LP_INSPECT_DESCRIBE_H

#include <stdbool.h>
#include <stdint.h>

enum { LP_FD_STATE_MAX = 800 };

struct lp_fd_seen {
    const char *kind;            /* one of few: it labels rows. NULL: closed meanwhile */
    char state[LP_FD_STATE_MAX]; /* what is particular */
    int64_t idle_ns;             /* since the last byte either way; -1: not known */
    int64_t queued;              /* bytes that wait behind it, both ways */
    int64_t registered;          /* epoll registrations, inotify watches, fanotify marks */
};

/* `pidfd` is the process itself, for borrowing; -1 in a thread that has the program's descriptors.
 */
void lp_fd_describe(int pidfd, int fd, struct lp_fd_seen *seen);

/* A socket that this thread can ask. */
void lp_socket_describe(int fd, struct lp_fd_seen *seen);

/* The queue of a listening Unix socket; false: it cannot be known. */
bool lp_unix_backlog(int fd, unsigned *waiting, unsigned *limit);

/* What /proc/self/fdinfo says, into the state; `seen->kind` and its link are there already. */
void lp_fdinfo_describe(int fd, struct lp_fd_seen *seen);

/* Appends to the state; from the second on, behind a comma. */
__attribute__((format(printf, 2, 3))) void lp_fd_say(struct lp_fd_seen *seen, const char *format,
                                                     ...);

/* "350 ms", "3.2 s". */
enum { LP_SECONDS_MAX = 32 };
const char *lp_seconds_text(char text[LP_SECONDS_MAX], int64_t ns);

#endif
