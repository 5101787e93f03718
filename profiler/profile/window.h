/*
 * What ?seconds= asks for: a profile of a stretch of time. For most kinds it is the difference of
 * two profiles; a kind with a timespan of its own is begun and ended. Profiler's thread only.
 */
#ifndef LP_PROFILE_WINDOW_H
#define LP_PROFILE_WINDOW_H

#include "profile/take.h"

struct lp_window {
    const struct lp_profile_kind *kind; /* NULL: none is open */
    struct lp_profile *from;            /* of a difference */
    uint64_t losses;                    /* there were before it began */
};

/* 0 or a negative errno: of lp_take(), or of the kind's begin(). hz only means something there. */
int lp_window_open(struct lp_window *window, const struct lp_profile_kind *kind, int hz);

/* To be called while it is open. In how many milliseconds again; 0: no need. */
int lp_window_look(struct lp_window *window);

/* Closes it. NULL with errno, as lp_take(). */
struct lp_profile *lp_window_close(struct lp_window *window);

/* Forgets it, if it is open. */
void lp_window_drop(struct lp_window *window);

#endif
