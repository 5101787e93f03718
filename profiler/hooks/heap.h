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

/* Takes an allocation off the thread's interval: is it certain that it is not sampled? One
 * instruction subtracts and compares. A signal handler finds the interval as it was before or
 * after. */
static inline bool passes(size_t size)
{
    bool ends;
    __asm__("subq %2, %0" : "+m"(lp_self.due), "=@ccbe"(ends) : "r"(size));
    if (likely(!ends) && likely(!atomic_load_explicit(&lp_rate_look, memory_order_relaxed)))
        return true;
    lp_self.due += size;
    return false;
}

/* Is it certain that this block has no record? */
static inline bool unrecorded(const void *block)
{
    struct lp_blocks_counts *counts = lp_self.counts;
    return likely(counts) && likely(lp_blocks_count(counts, (uintptr_t)block) == 0);
}

/* After passes() returned false: is the allocation sampled, and at which rate? */
bool lp_heap_due(size_t size, int64_t *rate);

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
