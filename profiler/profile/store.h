/*
 * Numbered snapshots. Loop thread, except where a function says otherwise. Each holds every
 * profile, taken together. The store keeps at most LP_SNAPSHOTS_MAX of them, or lp_store_max()
 * bytes, and refuses one more (-ENOSPC): a snapshot that was requested is never dropped without a
 * request.
 *
 * Periodic snapshots are thinned. If there are more than may be kept, the one whose neighbours are
 * closest together for its age is dropped. The first and the last stay. The older they are, the
 * further apart they are, so that a day can be compared as well as a minute. If snapshots are
 * large, fewer are kept: together they may use a limited amount of memory, except that
 * LP_PERIODIC_KEEP_MIN of them, which a verdict needs, are always kept.
 */
#ifndef LP_PROFILE_STORE_H
#define LP_PROFILE_STORE_H

#include "profile/unused.h"
#include "inspect/process.h"
#include "config.h"
#include "profile/take.h"

enum { LP_SNAPSHOTS_MAX = 256, LP_SNAPSHOT_NAME_MAX = 63 };

/* The sum of each column of a profile, and its standard error. */
struct lp_totals {
    int64_t total[LP_VALUES_MAX];
    double error[LP_VALUES_MAX];
};

struct lp_snapshot {
    int id; /* from 1, never reused; 0: not in the store ("now") */
    char name[LP_SNAPSHOT_NAME_MAX + 1];
    bool periodic;     /* may be thinned; false after it was given a name */
    int64_t time_ns;   /* CLOCK_REALTIME */
    int64_t uptime_ns; /* since recording began */
    int64_t cost_ns;   /* the time that taking it took */
    int64_t bytes;     /* its approximate size; shared ages count in each */
    unsigned holds;    /* lp_snapshot_hold(), less lp_snapshot_release() */
    bool dropped;      /* no longer in the store */
    struct lp_process_figures figures;
    struct lp_unused unused;
    struct lp_profile *profiles[LP_SNAPSHOT_PROFILES]; /* as lp_snapshot_kinds */
    struct lp_totals totals[LP_SNAPSHOT_PROFILES];
};

/* How many bytes they may have together (the last one may exceed it): 1 GiB, or a share of what the
 * system allows the process if that is less. allowed: in bytes. */
void lp_store_set_max(int64_t allowed);
int64_t lp_store_max(void);

/* Takes one that is not in the store. A profile that cannot be taken is missing in it. stacks:
 * those of the threads, too. The thread that takes profiles (profile/take.h). Free it with
 * lp_snapshot_free(). NULL with errno: ENOMEM, or EAGAIN if the kernel refused pages. */
struct lp_snapshot *lp_snapshot_now(bool stacks);
void lp_snapshot_free(struct lp_snapshot *snapshot);

/* The time that the last one took, kept or not. -1: there was none. Any thread. */
int64_t lp_snapshot_last_cost_ns(void);

/* Is there room for one more? Ask before it is taken. 0 or -ENOSPC. */
int lp_store_room(void);

/* Puts one into the store, which owns it from then on, and gives it its number. name may be NULL.
 * 0, or -ENOSPC: the store is full, and the snapshot was freed. */
int lp_store_put(struct lp_snapshot *snapshot, const char *name);

/* The same for a periodic one. Then thins the periodic ones to `keep` (LP_PERIODIC_KEEP_MIN or
 * more) and to this many bytes, but no more than a quarter of lp_store_max(). Returns the same
 * values. */
int lp_store_put_periodic(struct lp_snapshot *snapshot, size_t keep, int64_t bytes);

int lp_store_rename(int id, const char *name);   /* 0 or -ENOENT; a named one is not thinned */
const struct lp_snapshot *lp_store_find(int id); /* NULL: there is none */
const struct lp_snapshot *lp_store_find_name(const char *name); /* the newest that has it */
int lp_store_drop(int id);                                      /* 0 or -ENOENT */

/* While it is held, a dropped snapshot stays in memory and counts in lp_store_max(). */
void lp_snapshot_hold(const struct lp_snapshot *snapshot);
void lp_snapshot_release(const struct lp_snapshot *snapshot);

/* In a forked child: forgets them. They are the parent's. None is freed, because the parent's
 * thread may have been freeing one. */
void lp_store_forked(void);

/* The i-th snapshot, oldest first. NULL past the end. */
const struct lp_snapshot *lp_store_at(size_t i);

/* The profile of this kind in a snapshot. `heap` and `allocs` share their rows, and so do `threads`
 * and `goroutine`. NULL: snapshots do not hold this kind. The kind decides names and columns: pass
 * it on with the profile. */
const struct lp_profile *lp_snapshot_profile(const struct lp_snapshot *snapshot,
                                             const struct lp_profile_kind *kind);

#endif
