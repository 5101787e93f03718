/*
 * An ordered set of disjoint ranges of numbers, each with the stack that made it: mapped address
 * ranges (record/maps.h), ids of child processes (record/procs.h). An inserted range replaces what
 * it overlaps. Cutting may leave a piece on either side. Every step is O(log n): the set is a
 * treap, its nodes lie in a slab, under one lock (sys/hold.h).
 *
 * Any thread. A caller that may have interrupted a holder of the lock in its own thread (a signal
 * handler) passes `try`. A thread of the program waits for the lock for LP_HOLD_PROGRAM ms at most.
 * If the lock is not free by then, or there is no place, the change is counted as a loss.
 *
 * A cut that was lost leaves a stale range. It does little harm: the kernel's lists show what
 * exists, not this set. A stale range that the kernel does not list is not shown, and the next
 * range that is inserted there replaces it. Only memory that libc maps there for itself, without a
 * hook, is shown under the stale range's stack.
 */
#ifndef LP_RECORD_RANGES_H
#define LP_RECORD_RANGES_H

#include <stdbool.h>
#include <stdint.h>

#include "sys/hold.h"
#include "sys/losses.h"
#include "sys/slab.h"

struct lp_range {
    uint64_t start, length;
    uint32_t stack;
    uint32_t birth; /* in sys/clock.h's ticks */
    uint32_t call;  /* the number of the insertion that made it; pieces of one range share it */
    bool own;       /* it is the profiler's */
};

struct lp_ranges {
    struct lp_lock lock;
    struct lp_slab nodes;
    uint32_t max;            /* capacity */
    enum lp_loss_cause full; /* the cause of loss if the set is full */
    /* Protected by lock: */
    uint32_t root, spare, calls;
    bool begun;
    _Atomic uint32_t live; /* number of ranges that are not own; written under the lock */
};

/* Defines a set. */
#define LP_RANGES(name, kind_, max_, full_)                                                        \
    static LP_APART struct lp_slab_segments name##_segments;                                       \
    struct lp_ranges name = {.nodes = LP_SLAB_WITH(name##_segments, LP_RANGE_NODE, 12, kind_),     \
                             .max = (max_),                                                        \
                             .full = (full_)}
enum { LP_RANGE_NODE = 48 }; /* bytes per node */

void lp_ranges_put(struct lp_ranges *set, const struct lp_range *range, bool try);
void lp_ranges_cut(struct lp_ranges *set, uint64_t start, uint64_t length, bool try);

/* For removals that must be recorded before they happen and may fail. Marks the ranges inside. Then
 * either lp_ranges_gone() removes what still has this mark, or lp_ranges_stays() takes the mark
 * off. Ranges that another thread inserted in between are not affected. 0: nothing was marked. */
uint32_t lp_ranges_mark(struct lp_ranges *set, uint64_t start, uint64_t length, bool try);
void lp_ranges_gone(struct lp_ranges *set, uint64_t start, uint64_t length, uint32_t mark,
                    bool try);
void lp_ranges_stays(struct lp_ranges *set, uint64_t start, uint64_t length, uint32_t mark,
                     bool try);

/* Copies at most n ranges that end after `from`, in order. Returns how many. Copy a large set in
 * pieces, because other threads wait for the lock. */
uint32_t lp_ranges_copy(struct lp_ranges *set, uint64_t from, struct lp_range *out, uint32_t n,
                        bool try);

static inline uint32_t lp_ranges_live(struct lp_ranges *set)
{
    return atomic_load_explicit(&set->live, memory_order_relaxed);
}

/* Around fork (sys/hold.h). `got` is the result of the first. `empty`: empty the set. A child whose
 * parent did not get the lock begins with an empty set too. */
enum lp_fork_lock lp_ranges_before_fork(struct lp_ranges *set);
void lp_ranges_after_fork(struct lp_ranges *set, enum lp_fork_lock got, bool child, bool empty);

#endif
