/*
 * A profile's objects without names, in texts for people and as JSON.
 */
#ifndef LP_WRITE_NAMELESS_H
#define LP_WRITE_NAMELESS_H

#include <stdio.h>

#include "profile/profile.h"

/* Writes a line beginning with "# " per object. Nothing if there is none. */
void lp_write_nameless(FILE *out, const struct lp_profile *profile);

#endif
