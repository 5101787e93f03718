/*
 * Inside this room: the kinds of profiles. A new kind needs a file with its struct and its take
 * function, a line here, and a place in the lists of take.c.
 */
#ifndef LP_PROFILE_KINDS_H
#define LP_PROFILE_KINDS_H

#include "leakprof.h"
#include "profile/take.h"

extern const struct lp_profile_kind lp_heap_kind, lp_allocs_kind;
extern const struct lp_profile_kind lp_threads_kind, lp_goroutine_kind;
extern const struct lp_profile_kind lp_threadcreate_kind;
extern const struct lp_profile_kind lp_fds_kind;
extern const struct lp_profile_kind lp_cpu_kind; /* "profile" */
extern const struct lp_profile_kind lp_block_kind, lp_mutex_kind;
extern const struct lp_profile_kind lp_maps_kind, lp_procs_kind;

#endif
