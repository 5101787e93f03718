/*
 * The heap, recorded on top of the allocator that the program has (hooks/allocator.h).
 *
 * malloc: each thread counts down the bytes to its next sample (record/rate.h). If an allocation
 * does not reach the sample, it costs a subtraction and a jump into the allocator. Otherwise it is
 * sampled: its stack is taken, and a record is inserted into record/blocks.h.
 *
 * free must detect cheaply that a block was not sampled. A count for each 128 bytes of address
 * space tells that by one load (record/blockcounts.h): with any allocator, at every rate, and after
 * exact recording as before it. Blocks stay where the allocator puts them. If blocks that have a
 * record are near, free reads one cell of the table, without a lock (record/blocks.c).
 *
 * A record is removed before its block is freed, because another thread could get the address and
 * record it first. realloc does the same, and restores the record if it fails.
 */
#include "hooks/hook.h"
#include "hooks/lives.h"

#include <errno.h>
#include <stdlib.h>

#include "hooks/allocator.h"
#include "hooks/heap.h"
#include "record/hooktime.h"
#include "record/sites.h"
#include "sys/keep_errno.h"
#include "sys/losses.h"
#include "sys/pages.h"

enum way { MALLOC, CALLOC, MEMALIGN, ALIGNED_ALLOC, POSIX_MEMALIGN, VALLOC, PVALLOC };

struct request {
    enum way way;
    size_t alignment, size;
    int error; /* posix_memalign()'s result */
};

static void *allocate(struct request *r)
{
    void *block = NULL;
    switch (r->way) {
    case MALLOC:
        return lp_real_malloc.malloc(r->size);
    case CALLOC:
        return lp_real_malloc.calloc(1, r->size);
    case MEMALIGN:
        return lp_real_malloc.memalign(r->alignment, r->size);
    case ALIGNED_ALLOC:
        return lp_real_malloc.aligned_alloc(r->alignment, r->size);
    case VALLOC:
        return lp_real_malloc.valloc(r->size);
    case PVALLOC:
        return lp_real_malloc.pvalloc(r->size);
    case POSIX_MEMALIGN:
        r->error = lp_real_malloc.posix_memalign(&block, r->alignment, r->size);
    }
    return block;
}

__attribute__((noinline)) static void *allocate_slow(struct request *r, void *caller)
{
    int64_t rate;
    lp_allocator_ready();
    if (lp_self.own) {
        void *block = allocate(r);
        if (block)
            lp_heap_own_got(block);
        else
            lp_own_refused_block();
        return block;
    }
    if (r->way <= CALLOC)
        lp_allocator_mark_used();
    if (!lp_heap_due(r->size, &rate))
        return allocate(r);

    lp_hooks_lives(false);
    void *block = allocate(r);
    if (block) {
        lp_self.busy = true;
        int64_t began = lp_hooktime_begin();
        lp_heap_record(block, r->size, rate, caller);
        lp_hooktime_end(began);
        lp_self.busy = false;
    }
    return block;
}

#define SLOW(way, alignment, size) allocate_slow(&(struct request){way, alignment, size, 0}, CALLER)

LP_HOOK void *malloc(size_t size)
{
    if (passes(size))
        return lp_real_malloc.malloc(size);
    return SLOW(MALLOC, 0, size);
}

/* The allocator refuses it. */
__attribute__((noinline)) static void *calloc_overflow(size_t n, size_t size)
{
    lp_allocator_ready();
    return lp_real_malloc.calloc(n, size);
}

LP_HOOK void *calloc(size_t n, size_t size)
{
    size_t bytes;
    if (unlikely(__builtin_mul_overflow(n, size, &bytes)))
        return calloc_overflow(n, size);
    if (passes(bytes))
        return lp_real_malloc.calloc(n, size);
    return SLOW(CALLOC, 0, bytes);
}

LP_HOOK void *memalign(size_t alignment, size_t size)
{
    if (passes(size))
        return lp_real_malloc.memalign(alignment, size);
    return SLOW(MEMALIGN, alignment, size);
}

LP_HOOK void *aligned_alloc(size_t alignment, size_t size)
{
    if (passes(size))
        return lp_real_malloc.aligned_alloc(alignment, size);
    return SLOW(ALIGNED_ALLOC, alignment, size);
}

LP_HOOK int posix_memalign(void **out, size_t alignment, size_t size)
{
    if (passes(size))
        return lp_real_malloc.posix_memalign(out, alignment, size);
    struct request r = {POSIX_MEMALIGN, alignment, size, 0};
    void *block = allocate_slow(&r, CALLER);
    if (r.error == 0)
        *out = block;
    return r.error;
}

LP_HOOK void *valloc(size_t size)
{
    if (passes(size))
        return lp_real_malloc.valloc(size);
    return SLOW(VALLOC, 0, size);
}

LP_HOOK void *pvalloc(size_t size)
{
    size_t whole = (size + LP_PAGE - 1) & ~(size_t)(LP_PAGE - 1);
    if (whole >= size && passes(whole))
        return lp_real_malloc.pvalloc(size);
    return SLOW(PVALLOC, 0, whole < size ? size : whole); /* too much: it is refused */
}

__attribute__((noinline)) static void free_slow(void *block)
{
    lp_allocator_ready();
    if (block)
        lp_heap_forget(block);
    lp_real_malloc.free(block);
}

LP_HOOK void free(void *block)
{
    if (unrecorded(block))
        lp_real_malloc.free(block);
    else
        free_slow(block);
}

/* For programs that were linked before glibc 2.26. Headers no longer declare it. */
void cfree(void *block);
LP_HOOK void cfree(void *block)
{
    free(block);
}

/* Is the result of realloc() a failure? libc's frees the block if the size is 0 and returns NULL.
 */
static bool failed(const void *moved, size_t size)
{
    return !moved && size > 0;
}

__attribute__((noinline)) static void *realloc_slow(void *block, size_t size, void *caller)
{
    int64_t rate = 0;
    lp_allocator_ready();
    bool own = lp_self.own, sample = !own && (size > 0 || !lp_allocator()->libc);
    sample = sample && lp_heap_due(size, &rate);
    struct lp_block old;
    int taken = lp_heap_absent(block) ? -ENOENT : lp_block_remove((uintptr_t)block, &old);
    bool recorded = taken == 0;

    if (own && !recorded)
        lp_heap_own_freed(block);
    void *moved = lp_real_malloc.realloc(block, size);
    if (own && (moved || (failed(moved, size) && !recorded)))
        lp_heap_own_got(moved ? moved : block);
    if (failed(moved, size)) { /* the old block stays */
        if (recorded && lp_block_insert(&old) != 0)
            lp_site_free(old.site, old.size, old.weight);
        if (taken == -EAGAIN)
            lp_loss(LP_LOSS_WAITED); /* its record, if any, is removed later */
        if (own)
            lp_own_refused_block();
        return NULL;
    }
    if (recorded)
        lp_site_free(old.site, old.size, old.weight);
    if (sample && moved) {
        lp_self.busy = true;
        lp_heap_record(moved, size, rate, caller);
        lp_self.busy = false;
    }
    return moved;
}

static inline void *reallocate(void *block, size_t size, void *caller)
{
    if (!block)
        return passes(size) ? lp_real_malloc.malloc(size)
                            : allocate_slow(&(struct request){MALLOC, 0, size, 0}, caller);
    if (unrecorded(block) && passes(size))
        return lp_real_malloc.realloc(block, size);
    return realloc_slow(block, size, caller);
}

LP_HOOK void *realloc(void *block, size_t size)
{
    return reallocate(block, size, CALLER);
}

/* If the program has its own realloc(), libc's reallocarray() calls that. */
LP_HOOK void *reallocarray(void *block, size_t n, size_t size)
{
    size_t bytes;
    lp_allocator_ready();
    if (lp_allocator()->unseen)
        return lp_real_malloc.reallocarray(block, n, size);
    if (__builtin_mul_overflow(n, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return reallocate(block, bytes, CALLER);
}
