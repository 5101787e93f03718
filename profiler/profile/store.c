#include "profile/store.h"

#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/threads.h"
#include "sys/clock.h"
#include "sys/pages.h"
#include "profile/kinds.h"
#include "record/crash.h"

enum {
    BYTES_MAX = 1 << 30,
    SHARE = 8,         /* of what the process may use */
    PERIODIC_SHARE = 4 /* of that, for all periodic ones together */
};

static struct lp_snapshot *snapshots[LP_SNAPSHOTS_MAX]; /* oldest first */
static size_t nsnapshots;
static int64_t max_bytes = BYTES_MAX;
static int64_t dropped_bytes; /* of dropped snapshots that are held */
static int last_id;
static _Atomic int64_t last_cost_ns = -1;

void lp_snapshot_free(struct lp_snapshot *snapshot)
{
    if (!snapshot)
        return;
    for (int i = 0; i < LP_SNAPSHOT_PROFILES; i++)
        lp_profile_free(snapshot->profiles[i]);
    free(snapshot);
}

static struct lp_totals totals_of(const struct lp_profile *profile)
{
    struct lp_totals totals = {{0}, {0}};
    for (int i = 0; i < profile->kind->nvalues; i++)
        totals.total[i] = lp_profile_total(profile, i, &totals.error[i]);
    return totals;
}

/* 0 or a negative errno. */
static int take_profiles(struct lp_snapshot *snapshot)
{
    uint64_t refused = lp_own_refused();
    for (int i = 0; i < LP_SNAPSHOT_PROFILES; i++) {
        struct lp_profile *profile = lp_take(lp_snapshot_kinds[i]);
        if (!profile && errno != ENOMEM && lp_own_refused() == refused)
            profile = lp_take_missing(lp_snapshot_kinds[i], errno);
        if (!profile)
            return lp_own_refused() == refused ? -errno : -EAGAIN;
        snapshot->profiles[i] = profile;
        snapshot->totals[i] = totals_of(profile);
        snapshot->bytes += lp_profile_bytes(profile);
    }
    return 0;
}

/* The same. */
static int take_all(struct lp_snapshot *snapshot)
{
    uint64_t refused = lp_own_refused();
    lp_process_figures(&snapshot->figures);
    int error = take_profiles(snapshot);
    if (error)
        return error;
    snapshot->unused = lp_unused_of(lp_snapshot_profile(snapshot, &lp_heap_kind),
                                    lp_snapshot_profile(snapshot, &lp_maps_kind),
                                    snapshot->figures.malloc_top_bytes);
    return lp_own_refused() == refused ? 0 : -EAGAIN; /* something may be missing */
}

struct lp_snapshot *lp_snapshot_now(bool stacks)
{
    struct lp_snapshot *snapshot = calloc(1, sizeof *snapshot);
    if (!snapshot)
        return NULL;
    int64_t before = lp_now_ns();
    snapshot->uptime_ns = before - lp_began_ns();
    lp_threads_stacks(stacks);
    int error = take_all(snapshot);
    lp_threads_stacks(true);
    if (error) {
        lp_snapshot_free(snapshot);
        errno = -error;
        return NULL;
    }
    snapshot->time_ns = snapshot->profiles[0]->time_ns;
    snapshot->cost_ns = lp_now_ns() - before;
    atomic_store(&last_cost_ns, snapshot->cost_ns);
    return snapshot;
}

int64_t lp_snapshot_last_cost_ns(void)
{
    return atomic_load(&last_cost_ns);
}

void lp_store_set_max(int64_t allowed)
{
    int64_t share = allowed / SHARE;
    max_bytes = share < BYTES_MAX ? share : BYTES_MAX;
}

int64_t lp_store_max(void)
{
    return max_bytes;
}

static int64_t bytes_kept(void)
{
    int64_t bytes = dropped_bytes;
    for (size_t i = 0; i < nsnapshots; i++)
        bytes += snapshots[i]->bytes;
    return bytes;
}

int lp_store_room(void)
{
    return nsnapshots == LP_SNAPSHOTS_MAX || bytes_kept() >= max_bytes ? -ENOSPC : 0;
}

int lp_store_put(struct lp_snapshot *snapshot, const char *name)
{
    int error = lp_store_room();
    if (error) {
        lp_snapshot_free(snapshot);
        return error;
    }
    snapshot->id = ++last_id;
    snprintf(snapshot->name, sizeof snapshot->name, "%s", name ? name : "");
    snapshots[nsnapshots++] = snapshot;
    lp_crash_snapshot(snapshot->id);
    return 0;
}

void lp_store_forked(void)
{
    nsnapshots = 0;
    dropped_bytes = 0;
}

void lp_snapshot_hold(const struct lp_snapshot *snapshot)
{
    ((struct lp_snapshot *)snapshot)->holds++;
}

void lp_snapshot_release(const struct lp_snapshot *snapshot)
{
    struct lp_snapshot *held = (struct lp_snapshot *)snapshot;
    if (--held->holds || !held->dropped)
        return;
    dropped_bytes -= held->bytes;
    lp_snapshot_free(held);
}

static void drop_at(size_t i)
{
    snapshots[i]->dropped = true;
    if (snapshots[i]->holds)
        dropped_bytes += snapshots[i]->bytes;
    else
        lp_snapshot_free(snapshots[i]);
    memmove(&snapshots[i], &snapshots[i + 1], (--nsnapshots - i) * sizeof *snapshots);
}

/* Drops one periodic snapshot if there are more than `keep` of them, or more bytes. */
static bool thin(size_t keep, int64_t bytes)
{
    size_t periodic[LP_SNAPSHOTS_MAX], n = 0, closest = 0;
    double least = INFINITY;

    for (size_t i = 0; i < nsnapshots; i++)
        if (snapshots[i]->periodic) {
            periodic[n++] = i;
            bytes -= snapshots[i]->bytes;
        }
    if (n <= LP_PERIODIC_KEEP_MIN || (n <= keep && bytes >= 0))
        return false;
    int64_t now = snapshots[periodic[n - 1]]->uptime_ns;
    for (size_t i = 1; i + 1 < n; i++) {
        int64_t apart =
            snapshots[periodic[i + 1]]->uptime_ns - snapshots[periodic[i - 1]]->uptime_ns;
        double for_its_age = (double)apart / (double)(now - snapshots[periodic[i]]->uptime_ns);
        if (for_its_age < least) {
            least = for_its_age;
            closest = periodic[i];
        }
    }
    drop_at(closest);
    return true;
}

int lp_store_put_periodic(struct lp_snapshot *snapshot, size_t keep, int64_t bytes)
{
    int error = lp_store_put(snapshot, NULL);
    if (error)
        return error;
    snapshot->periodic = true;
    if (bytes > max_bytes / PERIODIC_SHARE)
        bytes = max_bytes / PERIODIC_SHARE;
    while (thin(keep, bytes))
        ;
    return 0;
}

int lp_store_rename(int id, const char *name)
{
    for (size_t i = 0; i < nsnapshots; i++) {
        if (snapshots[i]->id != id)
            continue;
        snprintf(snapshots[i]->name, sizeof snapshots[i]->name, "%s", name);
        snapshots[i]->periodic = false;
        return 0;
    }
    return -ENOENT;
}

const struct lp_snapshot *lp_store_find(int id)
{
    for (size_t i = 0; i < nsnapshots; i++)
        if (snapshots[i]->id == id)
            return snapshots[i];
    return NULL;
}

const struct lp_snapshot *lp_store_find_name(const char *name)
{
    for (size_t i = nsnapshots; *name && i > 0; i--)
        if (strcmp(snapshots[i - 1]->name, name) == 0)
            return snapshots[i - 1];
    return NULL;
}

int lp_store_drop(int id)
{
    for (size_t i = 0; i < nsnapshots; i++) {
        if (snapshots[i]->id != id)
            continue;
        drop_at(i);
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
