#include "sys/slab.h"

#include <stddef.h>

char *lp_slab_segment(struct lp_slab *slab, uint32_t i)
{
    _Atomic(char *) *place = &slab->segments->at[i >> slab->shift];
    char *segment = atomic_load_explicit(place, memory_order_acquire);
    if (segment)
        return segment;

    size_t bytes = (size_t)slab->item << slab->shift;
    char *fresh = lp_own_map(bytes, slab->kind);
    if (!fresh)
        return NULL;
    if (atomic_compare_exchange_strong_explicit(place, &segment, fresh, memory_order_acq_rel,
                                                memory_order_acquire))
        return fresh;
    lp_own_unmap(fresh, bytes, slab->kind); /* another thread was faster */
    return segment;
}

uint32_t lp_slab_add(struct lp_slab *slab, uint32_t n)
{
    uint32_t limit = (uint32_t)(LP_SLAB_SEGMENTS - 1) << slab->shift;
    uint32_t seen = atomic_load_explicit(&slab->count, memory_order_relaxed), first;
    do {
        first = seen;
        if (first >> slab->shift != (first + n - 1) >> slab->shift)
            first = ((first >> slab->shift) + 1)
                    << slab->shift; /* the rest of the segment stays unused */
        if (first + n > limit || !lp_slab_segment(slab, first))
            return LP_SLAB_FULL;
    } while (!atomic_compare_exchange_weak_explicit(&slab->count, &seen, first + n,
                                                    memory_order_acq_rel, memory_order_relaxed));
    return first;
}
