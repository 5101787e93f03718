/*
 * Which call opened each descriptor, by its number. The kernel knows which descriptors are open
 * (profile/fds.c reads its list). This table adds the stack and the time. Any thread, any context.
 * No lock: the thread that got the number from the kernel writes the row, before any other thread
 * can know the number.
 */
#ifndef LP_RECORD_FDS_H
#define LP_RECORD_FDS_H

#include <stdbool.h>
#include <stdint.h>

struct lp_fd {
    uint32_t stack;
    bool own;      /* it is the profiler's */
    int64_t birth; /* CLOCK_MONOTONIC ns */
};

void lp_fd_opened(int fd, uint32_t stack, bool own);

/* Call before the number is given back to the kernel. */
void lp_fd_closed(int fd);
void lp_fd_closed_range(unsigned first, unsigned last);

/* false: nothing is known about it. */
bool lp_fd_get(int fd, struct lp_fd *out);

#endif
