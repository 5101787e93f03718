/*
 * An ordered set of disjoint ranges of numbers, each with the stack that made it: address ranges
 * that are mapped (record/maps.h), ids of child processes (record/procs.h). What is put in replaces
 * what it overlaps, what is cut out may leave a piece on either side, and every step is O(log n): a
 * treap, its nodes in a slab, under one lock (sys/hold.h).
 *
 * Any thread. A caller that may have interrupted a holder of the lock in its own thread (a signal
 * handler) asks for `try`. What cannot be done now, or has no place, is a loss, and counted.
 */
#ifndef LP_RECORD_RANGES_H
#define LP_RECORD_RANGES_H

#include <stdbool.h>
#include <stdint.h>

#include "sys/lock.h"
#include "sys/losses.h"
#include "sys/slab.h"

struct lp_range {
    uint64_t start, length;
    uint32_t stack;
    uint32_t birth; /* in record/rate.h's ticks */
    uint32_t call;  /* the number of the put that made it: pieces of one have the same */
    bool own;       /* the profiler's */
};

struct lp_ranges {
    struct lp_lock lock;
    struct lp_slab nodes;
    uint32_t max;            /* how many at most */
    enum lp_loss_cause full; /* of what has no place */
    /* Protected by lock: */
    uint32_t root, spare, calls;
    bool begun;
    _Atomic uint32_t live; /* those that are not own; written under the lock */
};

#define LP_RANGES(kind_, max_, full_)                                                              \
    {                                                                                              \
        .nodes = LP_SLAB(LP_RANGE_NODE, 12, kind_), .max = (max_), .full = (full_)                 \
    }
enum { LP_RANGE_NODE = 48 }; /* bytes of a node */

void lp_ranges_put(struct lp_ranges *set, const struct lp_range *range, bool try);
void lp_ranges_cut(struct lp_ranges *set, uint64_t start, uint64_t length, bool try);

/* For what must be noted before it happens and may fail. What lies in start...length is marked, and
 * stays; then either lp_ranges_gone() takes out what still bears this mark, or lp_ranges_stays()
 * takes the mark off. What another thread put there in between is not touched. 0: nothing was
 * marked. */
uint32_t lp_ranges_mark(struct lp_ranges *set, uint64_t start, uint64_t length, bool try);
void lp_ranges_gone(struct lp_ranges *set, uint64_t start, uint64_t length, uint32_t mark,
                    bool try);
void lp_ranges_stays(struct lp_ranges *set, uint64_t start, uint64_t length, uint32_t mark,
                     bool try);

/* Copies those that end after `from`, in order, n at most; returns how many. Walks of the whole set
 * go by pieces, so that nobody waits long for the lock. */
uint32_t lp_ranges_copy(struct lp_ranges *set, uint64_t from, struct lp_range *out, uint32_t n,
                        bool try);

static inline uint32_t lp_ranges_live(struct lp_ranges *set)
{
    return atomic_load_explicit(&set->live, memory_order_relaxed);
}

/* Around fork (sys/hold.h). `held` is what before said; `empty`: the child begins with none. */
bool lp_ranges_before_fork(struct lp_ranges *set);
void lp_ranges_after_fork(struct lp_ranges *set, bool held, bool empty);

#endif
