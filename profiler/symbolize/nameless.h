/*
 * Objects that a profile has addresses in but no names for, and where the names could come from.
 * Profiler's thread only.
 */
#ifndef LP_SYMBOLIZE_NAMELESS_H
#define LP_SYMBOLIZE_NAMELESS_H

#include <stdbool.h>
#include <stddef.h>

#include "profile/profile.h"

enum { LP_NAMELESS_MAX = 16, LP_NAMELESS_LINE = 1024 };

struct lp_nameless {      /* none of its texts is ever NULL */
    const char *path;     /* the object's path */
    const char *build_id; /* "" if it has none */
    const char *package;  /* the Debian package with the names; "" if not known */
    bool too_large;       /* it has names and lines, but more than may be read */
};

/* Fills `list` with the objects in this profile's stacks, once each, at most LP_NAMELESS_MAX.
 * Returns their number. Call it after the profile's stacks were looked up. `packages`: also find
 * the package, which reads some MB of files once per object. */
size_t lp_nameless_of(const struct lp_profile *profile, bool packages,
                      struct lp_nameless list[LP_NAMELESS_MAX]);

/* Formats one line for people, without a newline. */
const char *lp_nameless_text(char line[LP_NAMELESS_LINE], const struct lp_nameless *nameless);

#endif
