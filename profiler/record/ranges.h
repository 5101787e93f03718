/*
 * An ordered set of disjoint ranges of numbers, each with the stack that made it: address ranges
 * that are mapped (record/maps.h), ids of child processes (record/procs.h). A range that is put in
 * replaces what it overlaps. Cutting may leave a piece on either side. Every step is O(log n): the
 * set is a treap, its nodes lie in a slab, under one lock (sys/hold.h).
 *
 * Any thread. A caller that may have interrupted a holder of the lock in its own thread (a signal
 * handler) asks for `try`. A thread of the program waits for the lock for LP_HOLD_PROGRAM ms at
 * most. What cannot be done then, or has no place, is a loss, and counted.
 *
 * A cut that was lost leaves a stale range. It does no harm for long: what exists is said by the
 * kernel's lists, not by this set. A stale range that the kernel does not list is not shown, and
 * the next range that is put there replaces it. Only if memory is mapped there without a hook (by
 * libc for itself) is that shown under the stale range's stack.
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
    uint32_t call;  /* the number of the put that made it: pieces of one have the same */
    bool own;       /* the profiler's */
};

struct lp_ranges {
    struct lp_lock lock;
    struct lp_slab nodes;
    uint32_t max;            /* how many at most */
    enum lp_loss_cause full; /* the cause of losses when there are so many */
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

/* For removals that must be noted before they happen and may fail. Marks what lies in the range.
 * Then either lp_ranges_gone() takes out what still has this mark, or lp_ranges_stays() takes the
 * mark off. What another thread put there in between is not touched. 0: nothing was marked. */
uint32_t lp_ranges_mark(struct lp_ranges *set, uint64_t start, uint64_t length, bool try);
void lp_ranges_gone(struct lp_ranges *set, uint64_t start, uint64_t length, uint32_t mark,
                    bool try);
void lp_ranges_stays(struct lp_ranges *set, uint64_t start, uint64_t length, uint32_t mark,
                     bool try);

/* Copies those that end after `from`, in order, n at most; returns how many. Copy a large set in
 * pieces: others wait for the lock. */
uint32_t lp_ranges_copy(struct lp_ranges *set, uint64_t from, struct lp_range *out, uint32_t n,
                        bool try);

static inline uint32_t lp_ranges_live(struct lp_ranges *set)
{
    return atomic_load_explicit(&set->live, memory_order_relaxed);
}

/* Around fork (sys/hold.h). `got` is the result of before; `empty`: the set is made empty. A child
 * whose parent did not get the lock begins with an empty set, too. */
enum lp_fork_lock lp_ranges_before_fork(struct lp_ranges *set);
void lp_ranges_after_fork(struct lp_ranges *set, enum lp_fork_lock got, bool child, bool empty);

#endif
