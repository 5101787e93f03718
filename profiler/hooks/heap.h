/*
 * What the hooks of malloc(3) and of C++'s operators have in common: which allocations are sampled,
 * and the records of their blocks. The model is in hooks/malloc.c.
 */
#ifndef LP_HOOKS_HEAP_H
#define LP_HOOKS_HEAP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hooks/real.h"
#include "record/blockcounts.h"
#include "record/blocks.h"
#include "record/rate.h"
#include "record/self.h"

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define CALLER __builtin_return_address(0)

/* Each slow path calls this first: the real functions may not be known yet. */
static inline void lp_allocator_ready(void)
{
    if (unlikely(!atomic_load_explicit(&lp_real_ready, memory_order_acquire)))
        lp_real_prepare();
}

/* Is it certain that this allocation is not sampled? */
static inline bool passes(size_t size)
{
    uint64_t after, gate = atomic_load_explicit(&lp_rate_gate, memory_order_relaxed);
    if (unlikely(__builtin_add_overflow(gate, size, &after) || after >= lp_self.due))
        return false;
    lp_self.due -= size;
    return true;
}

/* Is it certain that this block has no record? False for NULL. The thread's mask has only bits of
 * the page offset. */
static inline bool unrecorded(const void *block)
{
    uintptr_t address = (uintptr_t)block, bits = lp_self.free_mask;
    if (likely(address & atomic_load_explicit(&lp_block_mask, memory_order_relaxed) & bits))
        return true;
    return bits &&
           atomic_load_explicit(lp_blocks_count(address), memory_order_relaxed) == LP_BLOCKS_NONE;
}

/* After passes() returned false: is the allocation sampled, and at which rate? */
bool lp_heap_due(size_t size, int64_t *rate);

/* Does every free at this rate look in the table? Then nearly every block has a record. */
bool lp_heap_small_rate(int64_t rate);

/* Records a new block. lp_self.busy must be set. */
void lp_heap_record(void *block, size_t size, int64_t rate, void *caller);

/* After unrecorded() returned false: is it certain all the same? */
bool lp_heap_absent(const void *block);

/* Removes the record of a block that is about to be freed, if it has one. */
void lp_heap_forget(void *block);

/* How many bytes does the allocator count for a block? 0: it does not tell. */
size_t lp_heap_usable(void *block);

/* The blocks of the profiler's own threads. */
void lp_heap_own_got(void *block);
void lp_heap_own_freed(void *block);

#endif
