/*
 * Taking profiles: reads the tables (and, for threads, the threads themselves) into a struct
 * lp_profile. Called from the profiler's own thread only; the program keeps running meanwhile.
 */
#ifndef LP_SNAPSHOT_TAKE_H
#define LP_SNAPSHOT_TAKE_H

#include "snapshot/profile.h"

/* All profiles there are, in the order of the index page; ends with NULL. */
extern const struct lp_profile_kind *const lp_kinds[];

/* Those that a snapshot holds; the others either show rows of one of these or are no matter of a
 * moment. */
enum { LP_SNAPSHOT_PROFILES = 8 };
extern const struct lp_profile_kind *const lp_snapshot_kinds[LP_SNAPSHOT_PROFILES];

/* The kind of this name, or NULL. */
const struct lp_profile_kind *lp_kind_find(const char *name);

/* Takes one profile now. NULL with errno: ENOMEM; what /proc said; EBUSY when threads cannot be
 * asked because the program handles every real-time signal. */
struct lp_profile *lp_take(const struct lp_profile_kind *kind);

/* What the kernel and malloc say of the process at this moment. */
struct lp_process_figures {
    int64_t rss_bytes, mapped_bytes, malloc_arena_bytes, malloc_free_bytes;
    int64_t malloc_top_bytes;      /* free ones at the end of the main arena */
    int64_t threads, fds, sockets; /* the program's */
    int64_t unjoined;              /* its threads that have ended and were not joined */
    int64_t mappings;              /* made by mmap() and the like, not inside libc */
    int64_t children, zombies;     /* that a hook saw; zombies wait to be reaped */
    int64_t requests;              /* that the program counted: leakprof_count_requests() */
    int64_t own_threads, own_fds;  /* the profiler's */
};
void lp_process_figures(struct lp_process_figures *figures);

#endif
