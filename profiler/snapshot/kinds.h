/*
 * Inside this room: the kinds of profiles. A new one is one file with its struct and what takes it,
 * a line here, and its place in take.c's lists.
 */
#ifndef LP_SNAPSHOT_KINDS_H
#define LP_SNAPSHOT_KINDS_H

#include "leakprof.h"
#include "snapshot/take.h"

extern const struct lp_profile_kind lp_heap_kind, lp_allocs_kind;
extern const struct lp_profile_kind lp_threads_kind, lp_goroutine_kind;
extern const struct lp_profile_kind lp_threadcreate_kind;
extern const struct lp_profile_kind lp_fds_kind;
extern const struct lp_profile_kind lp_cpu_kind; /* "profile" */
extern const struct lp_profile_kind lp_block_kind, lp_mutex_kind;
extern const struct lp_profile_kind lp_maps_kind, lp_procs_kind;

/* Calls visit for every descriptor that is open now; `own` ones are the profiler's. 0 or negative
 * errno. */
int lp_each_fd(void (*visit)(int fd, bool own, void *arg), void *arg);

/* The children that a hook saw, and how many of them wait to be reaped. */
int64_t lp_children(int64_t *zombies);

/* Figures that are wanted often, each by itself and as cheaply as the kernel lets. Descriptors and
 * threads are the program's; mappings those that it made by mmap() and the like. */
int64_t lp_thread_count(void);
int64_t lp_fd_count(void);
int64_t lp_mapping_count(void);

/* Sets the heap_ fields, and no others. */
void lp_heap_totals(struct leakprof_stats *stats);

/* What /proc/self/statm says is resident; 0 when it cannot be read. */
int64_t lp_rss_bytes(void);

#endif
