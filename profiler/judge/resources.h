/*
 * What can leak, over all profiles, in the order of the profiles in a snapshot; and the unused
 * memory of malloc (profile/unused.h), which is in no profile's rows. Profiler's thread only.
 */
#ifndef LP_JUDGE_RESOURCES_H
#define LP_JUDGE_RESOURCES_H

#include "profile/store.h"

/* The heap is the first profile of a snapshot, and its resource the first there is. */
enum {
    LP_HEAP = 0,
    LP_UNUSED = -1,
    LP_RESOURCES_MAX = LP_SNAPSHOT_PROFILES * LP_KIND_RESOURCES + 1
};

struct lp_tracked {
    const struct lp_resource *is;
    int profile; /* index of lp_snapshot_kinds, or LP_UNUSED */
};

/* How many there are; the last one is unused memory. */
int lp_resources(struct lp_tracked tracked[LP_RESOURCES_MAX]);

/* Does it count among those that leak? Never for unused memory, which has no rows. */
bool lp_tracks(const struct lp_tracked *tracked, const struct lp_row *row);

/* How much of the resource a snapshot holds, and how much of what its limit counts (for the heap:
 * RSS). */
int64_t lp_tracked_total(const struct lp_tracked *tracked, const struct lp_snapshot *snapshot);
int64_t lp_tracked_used(const struct lp_tracked *tracked, const struct lp_snapshot *snapshot);

/* Why the snapshot does not have it, or NULL. */
const char *lp_tracked_missing(const struct lp_tracked *tracked,
                               const struct lp_snapshot *snapshot);

#endif
