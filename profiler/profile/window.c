#include "profile/window.h"

#include <errno.h>

#include "sys/keep_errno.h"
#include "sys/losses.h"

int lp_window_open(struct lp_window *window, const struct lp_profile_kind *kind, int hz)
{
    *window = (struct lp_window){.losses = lp_losses_total()};
    if (kind->timespan) {
        int error = kind->timespan->begin(hz);
        if (error)
            return error;
    } else if (!(window->from = lp_take(kind))) {
        return -errno;
    }
    window->kind = kind;
    return 0;
}

int lp_window_look(struct lp_window *window)
{
    return window->kind && window->kind->timespan ? window->kind->timespan->look() : 0;
}

static struct lp_profile *difference(const struct lp_window *window, struct lp_profile *to)
{
    struct lp_profile *delta = lp_profile_diff(window->from, to);
    LP_KEEP_ERRNO;
    lp_profile_free(to);
    return delta;
}

struct lp_profile *lp_window_close(struct lp_window *window)
{
    struct lp_profile *profile = lp_take(window->kind);
    if (profile && window->from)
        profile = difference(window, profile);
    else if (profile)
        profile->losses -= window->losses;
    LP_KEEP_ERRNO; /* of what failed last */
    lp_profile_free(window->from);
    *window = (struct lp_window){0};
    return profile;
}

void lp_window_drop(struct lp_window *window)
{
    if (window->kind && window->kind->timespan)
        window->kind->timespan->abandon();
    lp_profile_free(window->from);
    *window = (struct lp_window){0};
}
