/*
 * Who opened each descriptor, by its number. What is really open is the kernel's to say
 * (profile/fds.c asks /proc/self/fd); this table only remembers the stack and the time.
 * Any thread, any context; no lock: each row is written by the thread that got the number from the
 * kernel, before anyone else can know it.
 */
#ifndef LP_RECORD_FDS_H
#define LP_RECORD_FDS_H

#include <stdbool.h>
#include <stdint.h>

struct lp_fd {
    uint32_t stack;
    bool own;      /* the profiler's */
    int64_t birth; /* CLOCK_MONOTONIC ns */
};

void lp_fd_opened(int fd, uint32_t stack, bool own);

/* Call before the number is given back to the kernel. */
void lp_fd_closed(int fd);
void lp_fd_closed_range(unsigned first, unsigned last);

/* false: nothing known of it. */
bool lp_fd_get(int fd, struct lp_fd *out);

#endif
