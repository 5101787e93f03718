/* What a maps profile has besides its rows. */
#ifndef LP_PROFILE_MAPS_H
#define LP_PROFILE_MAPS_H

#include "profile/profile.h"

enum { LP_MAPS_RESIDENT = 2 }; /* the column of bytes in memory */

/* The sum of the profiler's own mappings, which are left out, by column; all 0 in a delta. NULL for
 * other kinds. */
int64_t *lp_maps_own(const struct lp_profile *profile);

#endif
