/*
 * Taking profiles: reads the tables (and, for threads, the threads themselves) into a struct
 * lp_profile. Called from the profiler's own thread only; the program keeps running meanwhile.
 */
#ifndef LP_SNAPSHOT_TAKE_H
#define LP_SNAPSHOT_TAKE_H

#include "snapshot/profile.h"

/* All profiles there are, in the order of the index page; ends with NULL. `goroutine` is an alias
 * that lp_kind_find() knows: the kind "threads" under Go's name (its value type is
 * goroutine/count). */
extern const struct lp_profile_kind *const lp_kinds[];

/* The kind of this name, or NULL. */
const struct lp_profile_kind *lp_kind_find(const char *name);

/* Takes one profile now. NULL with errno: ENOMEM; what /proc said; EBUSY when threads cannot be
 * asked because the program handles every real-time signal. */
struct lp_profile *lp_take(const struct lp_profile_kind *kind);

/* How many rows a debug=1 listing of it would have (Go's index page shows a count), cheaply. */
int64_t lp_count(const struct lp_profile_kind *kind);

/* Everything at one moment. Profiles stand in the order of lp_snapshot_kinds(). */
struct lp_process_figures {
    int64_t rss_bytes, mapped_bytes, malloc_arena_bytes, malloc_free_bytes;
    int64_t threads, fds, sockets; /* the program's */
    int64_t own_threads, own_fds;  /* the profiler's */
};
void lp_process_figures(struct lp_process_figures *figures);

#endif
