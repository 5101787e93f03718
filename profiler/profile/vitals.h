/*
 * The few figures that show whether a process grows. Reading them is cheap enough for ten times per
 * second. Profiler's thread only.
 */
#ifndef LP_PROFILE_VITALS_H
#define LP_PROFILE_VITALS_H

#include <stdint.h>

struct lp_vitals {
    int64_t time_ns; /* CLOCK_REALTIME */
    int64_t uptime_ns;
    int64_t heap_bytes, heap_error, heap_objects; /* in use; heap_error is its standard error */
    int64_t alloc_bytes, alloc_objects;           /* allocated since the process began */
    int64_t rss_bytes;
    int64_t own_bytes; /* the profiler's tables, and what it holds on the malloc heap */
    int64_t threads, unjoined, fds;
    int64_t mappings;         /* made by mmap() and similar calls */
    int64_t losses;           /* what could not be recorded, all causes */
    int64_t snapshot_cost_ns; /* of the last one taken; -1: none yet */
};
void lp_vitals_read(struct lp_vitals *vitals);

#endif
