#include "hooks/heap.h"

#include <errno.h>

#include "hooks/allocator.h"
#include "record/autorate.h"
#include "record/hooktime.h"
#include "record/sites.h"
#include "record/unwind.h"
#include "sys/clock.h"
#include "sys/keep_errno.h"
#include "sys/losses.h"
#include "sys/pages.h"

enum {
    MAPPED_CHUNK = 2, /* glibc's IS_MMAPPED, in the word before a block */
    FREES_FIRST = 64  /* a thread that frees so many blocks needs the counts */
};

bool lp_heap_due(size_t size, int64_t *rate)
{
    struct lp_self *self = &lp_self;
    if (!lp_rate_due(self, size, rate) || (lp_allocator()->unseen && !lp_allocator_used()))
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
    float weight = lp_rate_weight(size, rate);
    lp_autorate_sampled(size, weight);
    uint32_t stack = lp_stack_of_caller(caller);
    uint32_t site = lp_site_get(stack, size);
    if (site == LP_SITE_NONE)
        return;

    struct lp_block b = {.address = (uintptr_t)block,
                         .size = size,
                         .site = site,
                         .birth = lp_now_ticks(),
                         .weight = weight};
    if (lp_block_insert(&b) == 0)
        lp_site_alloc(site, size, b.weight);
}

/* A process that frees little touches none of the counts' pages before its first record. */
static void use_counts(struct lp_self *self)
{
    if (!self->own && (self->frees == FREES_FIRST || lp_blocks_counted()))
        self->counts = &lp_blocks_counts;
    self->frees += self->frees < FREES_FIRST;
}

/* If this thread records every block, nearly every block has a record. */
bool lp_heap_absent(const void *block)
{
    struct lp_self *self = &lp_self;
    uintptr_t address = (uintptr_t)block;
    if (!self->counts)
        use_counts(self);
    if (!lp_blocks_counted() || lp_blocks_count(&lp_blocks_counts, address) == 0)
        return true;
    return self->rate != 1 && lp_block_absent(address);
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
