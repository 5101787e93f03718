/*
 * Objects that a profile has addresses of but no names for, and what would name them. Profiler's
 * thread only.
 */
#ifndef LP_SYMBOLIZE_NAMELESS_H
#define LP_SYMBOLIZE_NAMELESS_H

#include <stdbool.h>
#include <stddef.h>

#include "profile/profile.h"

enum { LP_NAMELESS_MAX = 16, LP_NAMELESS_LINE = 1024 };

struct lp_nameless {      /* none of its texts is ever NULL */
    const char *path;     /* of the object */
    const char *build_id; /* "" when it has none */
    const char *package;  /* of Debian's, with the names; "" when it is not known */
    bool too_large;       /* it has names, and lines, but more than may be read */
};

/* Fills `list` with the objects in this profile's stacks, once each, at most LP_NAMELESS_MAX.
 * Returns how many. Call it when the profile's stacks have been looked up. `packages`: look for
 * the package, which reads some MB of files the first time that an object is met. */
size_t lp_nameless_of(const struct lp_profile *profile, bool packages,
                      struct lp_nameless list[LP_NAMELESS_MAX]);

/* One line for people, without a line end. */
const char *lp_nameless_text(char line[LP_NAMELESS_LINE], const struct lp_nameless *nameless);

#endif
