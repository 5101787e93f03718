/*
 * An array that grows in place and never moves: items are numbered from 0 and live in segments that
 * are mapped when first needed. Adding and reading take no lock. Any thread, any context.
 */
#ifndef LP_SYS_SLAB_H
#define LP_SYS_SLAB_H

#include <stdatomic.h>
#include <stdint.h>

#include "sys/pages.h"

enum { LP_SLAB_SEGMENTS = 1 << 14, LP_SLAB_FULL = UINT32_MAX };

struct lp_slab {
    uint32_t item;  /* bytes of one */
    uint32_t shift; /* a segment has 1 << shift items */
    enum lp_own kind;
    _Atomic uint32_t count;
    _Atomic(char *) segments[LP_SLAB_SEGMENTS];
};

#define LP_SLAB(item_, shift_, kind_)                                                              \
    {                                                                                              \
        .item = (item_), .shift = (shift_), .kind = (kind_)                                        \
    }

/* The number of the first of n new zeroed items that lie side by side (n at most a segment);
 * LP_SLAB_FULL when there is no place. */
uint32_t lp_slab_add(struct lp_slab *slab, uint32_t n);

/* The segment of number i, mapped if it is not yet; NULL when the kernel refuses. */
char *lp_slab_segment(struct lp_slab *slab, uint32_t i);

/* How many numbers have been given out. */
static inline uint32_t lp_slab_count(struct lp_slab *slab)
{
    return atomic_load_explicit(&slab->count, memory_order_acquire);
}

/* Item i, which lp_slab_add() gave out. */
static inline void *lp_slab_at(struct lp_slab *slab, uint32_t i)
{
    char *segment = atomic_load_explicit(&slab->segments[i >> slab->shift], memory_order_acquire);
    return segment ? segment + (size_t)(i & ((1u << slab->shift) - 1)) * slab->item : NULL;
}

#endif
