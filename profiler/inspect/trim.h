/*
 * ?gc=1: glibc has no garbage to collect, but it keeps freed memory for later. Giving that back to
 * the kernel before a profile is taken is the nearest there is, and this says what it was worth.
 *
 * malloc_trim() takes the lock of each arena in turn, so the program's threads may wait meanwhile;
 * and they go on allocating, so what RSS did in between is not the trim's doing alone.
 */
#ifndef LP_INSPECT_TRIM_H
#define LP_INSPECT_TRIM_H

#include <stdbool.h>
#include <stdint.h>

struct lp_trim {
    bool done;                       /* false: nobody asked for it */
    bool returned;                   /* what malloc_trim() said: something was given back */
    int64_t rss_before, rss_after;   /* bytes, from the kernel's statm */
    int64_t free_before, free_after; /* mallinfo2().fordblks: free bytes in all arenas; those that
                                      * went back to the kernel mostly still count */
};

struct lp_trim lp_trim_now(void);

#endif
