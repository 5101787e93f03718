/*
 * The heap, recorded on top of the allocator that the program has (hooks/allocator.h).
 *
 * malloc: each thread counts down the bytes to its next sample (record/rate.h). If an allocation
 * does not reach the sample, it costs a subtraction and a jump into the allocator. Otherwise it is
 * sampled: its stack is taken, and a record is inserted into record/blocks.h.
 *
 * free must detect cheaply that a block was not sampled. With libc's malloc, sampled blocks are
 * allocated at page boundaries, where other blocks rarely are: free tests twelve bits of the
 * pointer and reads no memory. If every block is recorded (rate 1, or a rate so small that pages
 * would be wasted), recorded blocks may be anywhere, and lp_block_mask makes every free look in the
 * table. That ends when the last such block is freed, which may be never, even if the rate is
 * higher again. So that look-up is cheap: for a block without a record it reads one cell of the
 * table, without a lock (record/blocks.c).
 *
 * Another allocator's blocks stay where it puts them. A count for each of 4096 hashes of addresses
 * tells most frees that their block was not sampled (record/blockcounts.h). At a page boundary the
 * blocks would be of another size class. The program can see that in malloc_usable_size(), and
 * sdallocx() or a sized operator delete would free them as what they are not.
 *
 * A record is removed before its block is freed, because another thread could get the address and
 * record it first. realloc does the same, and restores the record if it fails.
 */
#include "hooks/hook.h"
#include "hooks/lives.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hooks/allocator.h"
#include "hooks/heap.h"
#include "record/hooktime.h"
#include "record/sites.h"
#include "sys/keep_errno.h"
#include "sys/losses.h"
#include "sys/pages.h"

enum { MAPPED_CHUNK = 2 }; /* glibc's IS_MMAPPED, in the word before a block */

enum way { MALLOC, CALLOC, MEMALIGN, ALIGNED_ALLOC, POSIX_MEMALIGN, VALLOC, PVALLOC };

struct request {
    enum way way;
    size_t alignment, size;
    int error; /* posix_memalign()'s result */
};

/* Are blocks that are sampled at this rate placed at page boundaries? */
static bool pages_at(int64_t rate)
{
    return lp_allocator()->libc && !lp_heap_small_rate(rate);
}

static bool at_page(const void *block)
{
    return ((uintptr_t)block & (LP_PAGE - 1)) == 0;
}

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

/* A block of libc's at a page boundary. NULL: there is no room. */
static void *page_block(size_t size, bool zero)
{
    LP_KEEP_ERRNO;
    void *block = lp_real_malloc.memalign(LP_PAGE, size);
    const size_t *head = (const size_t *)((uintptr_t)block - sizeof *head);
    /* Mapped pages are zero unless MALLOC_PERTURB_ has filled them. The last byte shows which. */
    if (block && zero && size > 0 &&
        (!(*head & MAPPED_CHUNK) || ((unsigned char *)block)[size - 1] != 0))
        memset(block, 0, size);
    return block;
}

/* Allocates at a page boundary. If there is no room for that, it may be anywhere. Whether the
 * arguments are good is for libc to decide. */
static void *allocate_page(struct request *r)
{
    void *block = r->way <= CALLOC ? page_block(r->size, r->way == CALLOC) : NULL, *page;
    if (block || !(block = allocate(r)) || at_page(block) || r->way <= CALLOC ||
        !(page = page_block(r->size, false)))
        return block;
    lp_real_malloc.free(block);
    return page;
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
    void *block = pages_at(rate) ? allocate_page(r) : allocate(r);
    if (block && pages_at(rate) && !at_page(block)) {
        lp_loss(LP_LOSS_NO_MEMORY);
    } else if (block) {
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

/* Moves the block to a page boundary, so that its free is seen. Returns the block unchanged if
 * there is no room. */
static void *move_to_page(void *block, size_t size, size_t old)
{
    if (at_page(block))
        return block;
    void *moved = page_block(size, false);
    if (!moved)
        return block;
    memcpy(moved, block, old < size ? old : size); /* what is new stays untouched */
    lp_real_malloc.free(block);
    return moved;
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
    size_t usable = sample && pages_at(rate) ? lp_heap_usable(block) : 0;
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
        if (pages_at(rate))
            moved = move_to_page(moved, size, usable);
        if (!pages_at(rate) || at_page(moved))
            lp_heap_record(moved, size, rate, caller);
        else
            lp_loss(LP_LOSS_NO_MEMORY);
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
