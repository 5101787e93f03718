/*
 * Numbered snapshots: each holds every profile, taken together. The store keeps at most
 * LP_SNAPSHOTS_MAX of them, or LP_SNAPSHOTS_BYTES, and refuses one more (-ENOSPC): a snapshot
 * somebody wanted to compare with does not vanish behind his back. Profiler's thread only.
 *
 * Periodic ones, that nobody asked for one by one, are thinned: of more than are to be kept, the
 * one goes whose neighbours lie closest together for its age. The first and the last stay, and
 * those in between lie ever further apart the older they are, so that a day can be compared as well
 * as a minute. Of large ones fewer are kept: they have so much memory among them, and no more, but
 * for the LP_PERIODIC_KEEP_MIN that a verdict needs.
 */
#ifndef LP_PROFILE_STORE_H
#define LP_PROFILE_STORE_H

#include "profile/unused.h"
#include "inspect/process.h"
#include "config.h"
#include "profile/take.h"

#define LP_SNAPSHOTS_BYTES (INT64_C(1) << 30) /* the last one may go beyond */
enum { LP_SNAPSHOTS_MAX = 256, LP_SNAPSHOT_NAME_MAX = 63 };

struct lp_snapshot {
    int id; /* from 1 up, never reused; 0: not in the store ("now") */
    char name[LP_SNAPSHOT_NAME_MAX + 1];
    bool periodic;     /* may be thinned; false once somebody has given it a name */
    int64_t time_ns;   /* CLOCK_REALTIME */
    int64_t uptime_ns; /* since the process began observing */
    int64_t cost_ns;   /* what taking it took */
    int64_t bytes;     /* what keeping it takes, about; ages that several share are in each */
    struct lp_process_figures figures;
    struct lp_unused unused;
    struct lp_profile *profiles[LP_SNAPSHOT_PROFILES]; /* as lp_snapshot_kinds */
};

/* Takes one that is not in the store; free it with lp_snapshot_free(). NULL with
 * errno, as lp_take(). */
struct lp_snapshot *lp_snapshot_now(void);
void lp_snapshot_free(struct lp_snapshot *snapshot);

/* What the last one took to take, kept or not; -1: none was. */
int64_t lp_snapshot_last_cost_ns(void);

/* Takes one into the store; *out is the store's, good until it is dropped. name may be NULL.
 * 0, -ENOMEM, -ENOSPC (full). */
int lp_store_take(const char *name, const struct lp_snapshot **out);

/* The same for a periodic one; then thins down to `keep` (LP_PERIODIC_KEEP_MIN or more) of them,
 * and to so many bytes. 0 or as above. */
int lp_store_take_periodic(size_t keep, int64_t bytes);

int lp_store_rename(int id, const char *name);   /* 0 or -ENOENT; from then on it is not thinned */
const struct lp_snapshot *lp_store_find(int id); /* NULL: there is none */
int lp_store_drop(int id);                       /* 0 or -ENOENT */

/* In a forked child: forgets them. They are the parent's. None is freed, because the parent's
 * thread may have been freeing one. */
void lp_store_forked(void);

/* The i-th of those there are, oldest first; NULL past the end. */
const struct lp_snapshot *lp_store_at(size_t i);

/* The profile of this kind in a snapshot: `heap` and `allocs` share their rows, `threads` and
 * `goroutine` too. NULL: a kind that snapshots do not hold. The kind decides names and columns:
 * pass it on with the profile. */
const struct lp_profile *lp_snapshot_profile(const struct lp_snapshot *snapshot,
                                             const struct lp_profile_kind *kind);

#endif
