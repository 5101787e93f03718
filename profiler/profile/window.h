/*
 * What ?seconds= requests: a profile of a period. For most kinds it is the difference of two
 * profiles. A kind with a timespan of its own is begun and ended. The thread that takes
 * profiles (profile/take.h), except for dropping one that is not open.
 */
#ifndef LP_PROFILE_WINDOW_H
#define LP_PROFILE_WINDOW_H

#include "profile/take.h"

struct lp_window {
    const struct lp_profile_kind *kind; /* NULL: none is open */
    struct lp_profile *from;            /* the earlier profile of a difference */
    uint64_t losses;                    /* losses before it began */
};

/* Returns 0 or a negative errno, of lp_take() or of the kind's begin(). Only begin() uses hz. */
int lp_window_open(struct lp_window *window, const struct lp_profile_kind *kind, int hz);

/* Call it while the window is open. Returns the milliseconds until the next call. 0: no further
 * call is needed. */
int lp_window_look(struct lp_window *window);

/* Closes it. NULL with errno, like lp_take(). */
struct lp_profile *lp_window_close(struct lp_window *window);

/* Drops it, if it is open. */
void lp_window_drop(struct lp_window *window);

#endif
