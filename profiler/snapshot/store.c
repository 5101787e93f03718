#include "snapshot/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/rate.h"
#include "snapshot/kinds.h"

static struct lp_snapshot *snapshots[LP_SNAPSHOTS_MAX]; /* oldest first */
static size_t nsnapshots;
static int last_id;
static int64_t last_cost_ns = -1;

void lp_snapshot_free(struct lp_snapshot *snapshot)
{
    if (!snapshot)
        return;
    for (int i = 0; i < LP_SNAPSHOT_PROFILES; i++)
        lp_profile_free(snapshot->profiles[i]);
    free(snapshot);
}

struct lp_snapshot *lp_snapshot_now(void)
{
    struct lp_snapshot *snapshot = calloc(1, sizeof *snapshot);
    if (!snapshot)
        return NULL;
    int64_t before = lp_now_ns();
    snapshot->uptime_ns = before - lp_began_ns();
    lp_process_figures(&snapshot->figures);
    for (int i = 0; i < LP_SNAPSHOT_PROFILES; i++) {
        if (!(snapshot->profiles[i] = lp_take(lp_snapshot_kinds[i]))) {
            int error = errno;
            lp_snapshot_free(snapshot);
            errno = error;
            return NULL;
        }
    }
    snapshot->gap = lp_gap_of(lp_snapshot_profile(snapshot, &lp_heap_kind),
                              lp_snapshot_profile(snapshot, &lp_maps_kind));
    snapshot->time_ns = snapshot->profiles[0]->time_ns;
    snapshot->cost_ns = last_cost_ns = lp_now_ns() - before;
    return snapshot;
}

int64_t lp_snapshot_last_cost_ns(void)
{
    return last_cost_ns;
}

int lp_store_take(const char *name, const struct lp_snapshot **out)
{
    if (nsnapshots == LP_SNAPSHOTS_MAX)
        return -ENOSPC;
    struct lp_snapshot *snapshot = lp_snapshot_now();
    if (!snapshot)
        return -errno;
    snapshot->id = ++last_id;
    snprintf(snapshot->name, sizeof snapshot->name, "%s", name ? name : "");
    snapshots[nsnapshots++] = snapshot;
    *out = snapshot;
    return 0;
}

const struct lp_snapshot *lp_store_find(int id)
{
    for (size_t i = 0; i < nsnapshots; i++)
        if (snapshots[i]->id == id)
            return snapshots[i];
    return NULL;
}

int lp_store_drop(int id)
{
    for (size_t i = 0; i < nsnapshots; i++) {
        if (snapshots[i]->id != id)
            continue;
        lp_snapshot_free(snapshots[i]);
        memmove(&snapshots[i], &snapshots[i + 1], (--nsnapshots - i) * sizeof *snapshots);
        return 0;
    }
    return -ENOENT;
}

const struct lp_snapshot *lp_store_at(size_t i)
{
    return i < nsnapshots ? snapshots[i] : NULL;
}

const struct lp_profile *lp_snapshot_profile(const struct lp_snapshot *snapshot,
                                             const struct lp_profile_kind *kind)
{
    const struct lp_profile_kind *held = kind->rows_of ? kind->rows_of : kind;
    for (int i = 0; i < LP_SNAPSHOT_PROFILES; i++)
        if (lp_snapshot_kinds[i] == held)
            return snapshot->profiles[i];
    return NULL;
}
