#include "judge/resources.h"

#include "profile/kinds.h"

static const struct lp_resource unused = {"unused", "bytes", LP_BOUND_MEMORY, 0, NULL};

int lp_resources(struct lp_tracked tracked[LP_RESOURCES_MAX])
{
    int n = 0;

    for (int p = 0; p < LP_SNAPSHOT_PROFILES; p++)
        for (int r = 0; r < LP_KIND_RESOURCES && lp_snapshot_kinds[p]->resources[r].name; r++)
            tracked[n++] = (struct lp_tracked){&lp_snapshot_kinds[p]->resources[r], p};
    tracked[n++] = (struct lp_tracked){&unused, LP_UNUSED};
    return n;
}

bool lp_tracks(const struct lp_tracked *tracked, const struct lp_row *row)
{
    return tracked->profile != LP_UNUSED && (!tracked->is->counts || tracked->is->counts(row));
}

int64_t lp_tracked_total(const struct lp_tracked *tracked, const struct lp_snapshot *snapshot)
{
    int64_t total = 0;

    if (tracked->profile == LP_UNUSED)
        return snapshot->unused.bytes;
    const struct lp_profile *profile = snapshot->profiles[tracked->profile];
    for (size_t i = 0; i < profile->nrows; i++)
        if (lp_tracks(tracked, &profile->rows[i]))
            total += profile->rows[i].value[tracked->is->value];
    return total;
}

int64_t lp_tracked_used(const struct lp_tracked *tracked, const struct lp_snapshot *snapshot)
{
    switch (tracked->is->bound) {
    case LP_BOUND_MEMORY:
        return snapshot->figures.rss_bytes;
    case LP_BOUND_THREADS:
        return snapshot->figures.threads;
    case LP_BOUND_FDS:
        return snapshot->figures.fds;
    default:
        return lp_tracked_total(tracked, snapshot);
    }
}

/* Unused memory is computed from the heap, which is never missing, and from the mappings. */
const char *lp_tracked_missing(const struct lp_tracked *tracked, const struct lp_snapshot *snapshot)
{
    const struct lp_profile *profile = tracked->profile == LP_UNUSED
                                           ? lp_snapshot_profile(snapshot, &lp_maps_kind)
                                           : snapshot->profiles[tracked->profile];
    return profile->missing ? profile->note : NULL;
}
