#include "profile/take.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "profile/kinds.h"
#include "sys/clock.h"
#include "sys/losses.h"
#include "sys/pages.h"

const struct lp_profile_kind *const lp_kinds[] = {
    &lp_allocs_kind, &lp_block_kind,        &lp_fds_kind,     &lp_goroutine_kind,
    &lp_heap_kind,   &lp_maps_kind,         &lp_mutex_kind,   &lp_procs_kind,
    &lp_cpu_kind,    &lp_threadcreate_kind, &lp_threads_kind, NULL};

const struct lp_profile_kind *const lp_snapshot_kinds[LP_SNAPSHOT_PROFILES] = {
    &lp_heap_kind,  &lp_threads_kind, &lp_threadcreate_kind, &lp_fds_kind,
    &lp_block_kind, &lp_mutex_kind,   &lp_maps_kind,         &lp_procs_kind};

const struct lp_profile_kind *lp_kind_find(const char *name)
{
    for (size_t i = 0; lp_kinds[i]; i++)
        if (!strcmp(lp_kinds[i]->name, name))
            return lp_kinds[i];
    return NULL;
}

static int64_t wall_ns(void)
{
    return lp_clock_ns(CLOCK_REALTIME);
}

struct lp_profile *lp_take(const struct lp_profile_kind *kind)
{
    struct lp_profile *profile = lp_profile_new(kind);
    if (!profile)
        return NULL;
    profile->time_ns = wall_ns();
    profile->period = 1;

    uint64_t refused = lp_own_refused();
    int result = kind->take(profile);
    if (!result && lp_own_refused() != refused)
        result = -EAGAIN; /* something may be missing */
    if (result) {
        lp_profile_free(profile);
        errno = -result;
        return NULL;
    }
    profile->losses = lp_losses_total();
    lp_profile_seal(profile);
    return profile;
}

const char *lp_untaken_reason(int error)
{
    return error == EBUSY ? "the program handles every real-time signal, so no signal is left to "
                            "read the stacks of its threads"
                          : strerror(error);
}

struct lp_profile *lp_take_missing(const struct lp_profile_kind *kind, int error)
{
    char text[200];
    struct lp_profile *profile = lp_profile_new(kind);
    snprintf(text, sizeof text, "missing: %s", lp_untaken_reason(error));
    if (!profile || !(profile->note = lp_profile_text(profile, text))) {
        lp_profile_free(profile);
        errno = ENOMEM;
        return NULL;
    }
    profile->time_ns = wall_ns();
    profile->period = 1;
    profile->losses = lp_losses_total();
    profile->missing = true;
    return profile;
}
