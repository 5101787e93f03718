/*
 * Taking profiles: reads the tables (and, for threads, the threads themselves) into a struct
 * lp_profile. Called from the profiler's own thread only; the program keeps running meanwhile.
 */
#ifndef LP_PROFILE_TAKE_H
#define LP_PROFILE_TAKE_H

#include "profile/profile.h"

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

#endif
