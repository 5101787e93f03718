/*
 * An array that grows and never moves. Items are numbered from 0 and lie in segments that are
 * mapped when they are first needed. Adding and reading take no lock. Any thread, any context.
 */
#ifndef LP_SYS_SLAB_H
#define LP_SYS_SLAB_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "sys/pages.h"

enum { LP_SLAB_SEGMENTS = 1 << 14, LP_SLAB_FULL = UINT32_MAX };

struct lp_slab_segments {
    _Atomic(char *) at[LP_SLAB_SEGMENTS];
};

struct lp_slab {
    uint32_t item;  /* bytes per item */
    uint32_t shift; /* a segment has 1 << shift items */
    enum lp_own kind;
    _Atomic uint32_t count;
    struct lp_slab_segments *segments;
};

/* Defines a slab with static storage. The segments' addresses lie apart, and are not touched before
 * they are needed. So the slabs of a short-lived process share one page. */
#define LP_SLAB(name, item_, shift_, kind_)                                                        \
    static LP_APART struct lp_slab_segments name##_segments;                                       \
    static struct lp_slab name = LP_SLAB_WITH(name##_segments, item_, shift_, kind_)
#define LP_SLAB_WITH(segments_, item_, shift_, kind_)                                              \
    {                                                                                              \
        .item = (item_), .shift = (shift_), .kind = (kind_), .segments = &(segments_)              \
    }

/* Adds n zeroed items side by side, at most one segment of them. Returns the number of the first.
 * LP_SLAB_FULL: there is no room. */
uint32_t lp_slab_add(struct lp_slab *slab, uint32_t n);

/* The segment of item i, mapped if necessary. NULL: the kernel refused. */
char *lp_slab_segment(struct lp_slab *slab, uint32_t i);

/* How many items have been added. */
static inline uint32_t lp_slab_count(struct lp_slab *slab)
{
    return atomic_load_explicit(&slab->count, memory_order_acquire);
}

/* Item i; NULL: its segment is not mapped. */
static inline void *lp_slab_at(struct lp_slab *slab, uint32_t i)
{
    char *segment =
        atomic_load_explicit(&slab->segments->at[i >> slab->shift], memory_order_acquire);
    return segment ? segment + (size_t)(i & ((1u << slab->shift) - 1)) * slab->item : NULL;
}

/* The same for an item that exists, in fewer instructions. The slab's item size and shift must be
 * constants at the call. */
static inline void *lp_slab_get(struct lp_slab *slab, uint32_t i, uint32_t item, uint32_t shift)
{
    char *segment = atomic_load_explicit(&slab->segments->at[i >> shift], memory_order_acquire);
    return segment + (size_t)(i & ((1u << shift) - 1)) * item;
}

#endif
