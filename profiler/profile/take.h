/*
 * Takes profiles: reads the tables (and, for threads, the threads themselves) into a struct
 * lp_profile. One thread at a time (serve/helpers.h). The program keeps running meanwhile.
 */
#ifndef LP_PROFILE_TAKE_H
#define LP_PROFILE_TAKE_H

#include "profile/profile.h"

/* All kinds, in the order of the index page. NULL ends the list. */
extern const struct lp_profile_kind *const lp_kinds[];

/* The kinds that a snapshot holds. The others either share the rows of one of these, or cover a
 * period. */
enum { LP_SNAPSHOT_PROFILES = 8 };
extern const struct lp_profile_kind *const lp_snapshot_kinds[LP_SNAPSHOT_PROFILES];

/* The kind of this name, or NULL. */
const struct lp_profile_kind *lp_kind_find(const char *name);

/* Takes one profile now. NULL with errno: ENOMEM; an error from reading /proc; EBUSY if threads
 * cannot be interrupted because the program handles every real-time signal. */
struct lp_profile *lp_take(const struct lp_profile_kind *kind);

/* One that could not be taken, with the reason as its note. NULL with errno: ENOMEM. */
struct lp_profile *lp_take_missing(const struct lp_profile_kind *kind, int error);

/* The reason in words. */
const char *lp_untaken_reason(int error);

#endif
