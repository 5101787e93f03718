/*
 * ?gc=1: C has no garbage collector, but glibc keeps freed memory for later. This returns it to the
 * kernel before a profile is taken, and reports how much that was.
 *
 * malloc_trim() takes the lock of each arena in turn, so the program's threads may wait. They
 * continue to allocate: the change of RSS is not due to the trim alone.
 */
#ifndef LP_INSPECT_TRIM_H
#define LP_INSPECT_TRIM_H

#include <stdbool.h>
#include <stdint.h>

struct lp_trim {
    bool known;                      /* false: the allocator is not libc's, nothing was done */
    bool returned;                   /* malloc_trim() returned 1: memory was returned */
    int64_t rss_before, rss_after;   /* bytes, from /proc/self/statm */
    int64_t free_before, free_after; /* mallinfo2().fordblks: free bytes in all arenas; those that
                                      * went back to the kernel mostly still count */
};

struct lp_trim lp_trim_now(void);

#endif
