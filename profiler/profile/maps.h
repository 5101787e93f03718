/* What a maps profile has in addition to its rows. */
#ifndef LP_PROFILE_MAPS_H
#define LP_PROFILE_MAPS_H

#include "profile/profile.h"

enum { LP_MAPS_RESIDENT = 2 }; /* the column of bytes in memory */

/* The sums of the profiler's own mappings, by column. They are not in the rows. All 0 in a delta.
 * NULL for other kinds. */
int64_t *lp_maps_own(const struct lp_profile *profile);

#endif
