#include "hooks/heap.h"

#include <errno.h>

#include "hooks/allocator.h"
#include "record/hooktime.h"
#include "record/sites.h"
#include "record/unwind.h"
#include "sys/clock.h"
#include "sys/keep_errno.h"
#include "sys/losses.h"
#include "sys/pages.h"

enum {
    PAGES_FROM_RATE = 16 << 10, /* below this rate, sampled blocks may be anywhere */
    MAPPED_CHUNK = 2,           /* glibc's IS_MMAPPED, in the word before a block */
    ALL_BITS = LP_PAGE - 1,     /* of a page offset: lp_block_mask alone decides */
};

bool lp_heap_small_rate(int64_t rate)
{
    return rate < PAGES_FROM_RATE;
}

bool lp_heap_due(size_t size, int64_t *rate)
{
    struct lp_self *self = &lp_self;
    uint64_t gate = atomic_load(&lp_rate_gate);
    if (self->due < gate) { /* a new thread, or drawn at another rate */
        self->free_mask = ALL_BITS;
        self->rate = lp_rate();
        self->due = gate + lp_rate_interval(self, self->rate);
    }
    *rate = self->rate;
    if (size < self->due - gate) {
        self->due -= size;
        return false;
    }
    self->due = gate + lp_rate_interval(self, *rate);
    if (*rate == 0 || (lp_allocator()->unseen && !lp_allocator_used()))
        return false;
    if (self->busy) {
        lp_loss(LP_LOSS_REENTERED);
        return false;
    }
    return true;
}

void lp_heap_record(void *block, size_t size, int64_t rate, void *caller)
{
    LP_KEEP_ERRNO;
    uint32_t stack = lp_stack_of_caller(caller);
    uint32_t site = lp_site_get(stack, size);
    if (site == LP_SITE_NONE)
        return;

    struct lp_block b = {.address = (uintptr_t)block,
                         .size = size,
                         .site = site,
                         .birth = lp_now_ticks(),
                         .weight = lp_rate_weight(size, rate)};
    if (lp_block_insert(&b) == 0)
        lp_site_alloc(site, size, b.weight);
}

/* Does this thread record every block now? Then nearly every block has a record. */
static bool records_all(const struct lp_self *self)
{
    return self->rate > 0 && lp_heap_small_rate(self->rate) &&
           self->due >= atomic_load_explicit(&lp_rate_gate, memory_order_relaxed);
}

bool lp_heap_absent(const void *block)
{
    struct lp_self *self = &lp_self;
    if (self->free_mask == 0 && !self->own)
        self->free_mask = ALL_BITS; /* this thread frees before its first allocation */
    uintptr_t address = (uintptr_t)block;
    if (address & atomic_load(&lp_block_mask) & ALL_BITS)
        return true;
    return !records_all(self) && lp_block_absent(address);
}

size_t lp_heap_usable(void *block)
{
    return lp_real_malloc.malloc_usable_size ? lp_real_malloc.malloc_usable_size(block) : 0;
}

/* A block of libc's may have a mapping of its own, which is not the program's. */
static void own_place(const void *block, bool got)
{
    const size_t *head = (const size_t *)block - 2; /* glibc's: padding before it, its size */
    if (!lp_allocator()->libc || !(head[1] & MAPPED_CHUNK))
        return;
    const char *start = (const char *)head - head[0];
    if (got)
        lp_own_claim(start, head[0] + (head[1] & ~(size_t)7));
    else
        lp_own_disclaim(start);
}

void lp_heap_own_got(void *block)
{
    lp_own_heap_add((int64_t)lp_heap_usable(block));
    own_place(block, true);
}

void lp_heap_own_freed(void *block)
{
    lp_own_heap_add(-(int64_t)lp_heap_usable(block));
    own_place(block, false);
}

static void forget(void *block)
{
    struct lp_block b;
    int64_t began = lp_self.own ? 0 : lp_hooktime_begin();
    int result = lp_block_remove((uintptr_t)block, &b);
    if (result == 0)
        lp_site_free(b.site, b.size, b.weight);
    else if (result == -ENOENT && lp_self.own)
        lp_heap_own_freed(block);
    lp_hooktime_end(began);
}

void lp_heap_forget(void *block)
{
    if (!lp_heap_absent(block))
        forget(block);
    else if (lp_self.own)
        lp_heap_own_freed(block);
}
