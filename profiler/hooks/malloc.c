/*
 * The heap, recorded on top of glibc's own allocator.
 *
 * malloc: each thread counts down the bytes to its next sample (record/rate.h). If an allocation
 * does not reach the sample, it costs a subtraction and a jump into glibc. Otherwise it is sampled:
 * its stack is taken, and a record is inserted into record/blocks.h.
 *
 * free must detect cheaply that a block was not sampled. Sampled blocks are allocated at page
 * boundaries, where other blocks rarely are: free tests twelve bits of the pointer and reads no
 * memory. If every block is recorded (rate 1, or a rate so small that pages would be wasted),
 * recorded blocks may be anywhere, and lp_block_mask makes every free look in the table. That ends
 * when the last such block is freed, which may be never, even if the rate is higher again. So that
 * look-up is cheap: for a block without a record it reads one cell of the table, without a lock
 * (record/blocks.c).
 *
 * A record is removed before its block is freed, because another thread could get the address and
 * record it first. realloc does the same, and restores the record if it fails.
 *
 * The real functions are glibc's exported __libc_ names: finding them by dlsym() would need malloc.
 */
#include "hooks/hook.h"
#include "hooks/lives.h"

#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "record/rate.h"
#include "sys/clock.h"
#include "record/self.h"
#include "record/unwind.h"
#include "record/blocks.h"
#include "sys/keep_errno.h"
#include "sys/losses.h"
#include "sys/pages.h"
#include "record/sites.h"
#include "record/hooktime.h"

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void *__libc_valloc(size_t size);
extern void *__libc_pvalloc(size_t size);
extern void __libc_free(void *block);

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define CALLER __builtin_return_address(0)

enum {
    PAGES_FROM_RATE = 16 << 10, /* below this rate, sampled blocks may be anywhere */
    MAPPED_CHUNK = 2,           /* glibc's IS_MMAPPED, in the word before a block */
};

/* At this rate, are sampled blocks placed at page boundaries? */
static bool pages_at(int64_t rate)
{
    return rate >= PAGES_FROM_RATE;
}

static bool at_page(const void *block)
{
    return ((uintptr_t)block & (LP_PAGE - 1)) == 0;
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

enum { ALL_BITS = LP_PAGE - 1 }; /* of a page offset: lp_block_mask alone decides */

/* Is it certain that this block has no record? False for NULL. The thread's mask has only bits of
 * the page offset. */
static inline bool unrecorded(const void *block)
{
    return likely((uintptr_t)block & atomic_load_explicit(&lp_block_mask, memory_order_relaxed) &
                  lp_self.free_mask);
}

/* After passes() returned false: is the allocation sampled, and at which rate? */
static bool due(size_t size, int64_t *rate)
{
    struct lp_self *self = &lp_self;
    uint64_t gate = atomic_load(&lp_rate_gate);
    if (self->due < gate) { /* a new thread, or drawn at another rate */
        if (!atomic_load_explicit(&lp_real_found, memory_order_acquire))
            lp_real_find(); /* called before our constructors */
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
    if (*rate == 0)
        return false;
    if (self->busy) {
        lp_loss(LP_LOSS_REENTERED);
        return false;
    }
    return true;
}

static void record(void *block, size_t size, int64_t rate, void *caller)
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

static void book_free(const struct lp_block *b)
{
    lp_site_free(b->site, b->size, b->weight);
}

/* Allocates with glibc, at a page boundary if `page`. alignment 0: none, which memalign() accepts
 * too. */
static void *allocate(size_t alignment, size_t size, bool zero, bool page)
{
    if (page && alignment < LP_PAGE) {
        LP_KEEP_ERRNO;
        void *block = __libc_memalign(LP_PAGE, size);
        /* Mapped pages are zero unless MALLOC_PERTURB_ has filled them. The last byte shows which.
         */
        if (block && zero && size > 0 &&
            (!(((size_t *)block)[-1] & MAPPED_CHUNK) || ((unsigned char *)block)[size - 1] != 0))
            memset(block, 0, size);
        if (block)
            return block;
        /* This wants a page more than what was asked for: try without. */
    }
    if (alignment)
        return __libc_memalign(alignment, size);
    return zero ? __libc_calloc(1, size) : __libc_malloc(size);
}

/* A block of the profiler's own thread may have a mapping of its own, which is not the program's.
 */
static void own_place(const void *block, bool got)
{
    if (!block)
        return;
    const size_t *head = (const size_t *)block - 2; /* glibc's: padding before it, its size */
    if (!(head[1] & MAPPED_CHUNK))
        return;
    const char *start = (const char *)head - head[0];
    if (got)
        lp_own_claim(start, head[0] + (head[1] & ~(size_t)7));
    else
        lp_own_disclaim(start);
}

__attribute__((noinline)) static void *allocate_slow(size_t alignment, size_t size, bool zero,
                                                     void *caller)
{
    if (lp_self.own) {
        void *block = allocate(alignment, size, zero, false);
        if (block)
            lp_own_heap_add((int64_t)malloc_usable_size(block));
        own_place(block, true);
        return block;
    }
    int64_t rate;
    if (!due(size, &rate))
        return allocate(alignment, size, zero, false);

    lp_hooks_lives(false);
    lp_self.busy = true;
    void *block = allocate(alignment, size, zero, pages_at(rate));
    if (block && pages_at(rate) && !at_page(block))
        lp_loss(LP_LOSS_NO_MEMORY);
    else if (block) {
        int64_t began = lp_hooktime_begin();
        record(block, size, rate, caller);
        lp_hooktime_end(began);
    }
    lp_self.busy = false;
    return block;
}

LP_HOOK void *malloc(size_t size)
{
    if (passes(size))
        return __libc_malloc(size);
    return allocate_slow(0, size, false, CALLER);
}

LP_HOOK void *calloc(size_t n, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes) || passes(bytes))
        return __libc_calloc(n, size);
    return allocate_slow(0, bytes, true, CALLER);
}

LP_HOOK void *memalign(size_t alignment, size_t size)
{
    if (passes(size))
        return __libc_memalign(alignment, size);
    return allocate_slow(alignment, size, false, CALLER);
}

LP_HOOK void *aligned_alloc(size_t alignment, size_t size)
{
    if (passes(size))
        return __libc_memalign(alignment, size);
    return allocate_slow(alignment, size, false, CALLER);
}

LP_HOOK int posix_memalign(void **out, size_t alignment, size_t size)
{
    if (alignment == 0 || alignment % sizeof(void *) != 0 || (alignment & (alignment - 1)) != 0)
        return EINVAL;
    void *block = passes(size) ? __libc_memalign(alignment, size)
                               : allocate_slow(alignment, size, false, CALLER);
    if (!block)
        return ENOMEM;
    *out = block;
    return 0;
}

LP_HOOK void *valloc(size_t size)
{
    if (passes(size))
        return __libc_valloc(size);
    return allocate_slow(LP_PAGE, size, false, CALLER);
}

LP_HOOK void *pvalloc(size_t size)
{
    size_t whole = (size + LP_PAGE - 1) & ~(size_t)(LP_PAGE - 1);
    if (whole < size || passes(whole))
        return __libc_pvalloc(size);
    return allocate_slow(LP_PAGE, whole, false, CALLER);
}

/* Does this thread record every block now? Then nearly every block has a record. */
static bool records_all(const struct lp_self *self)
{
    return self->rate > 0 && !pages_at(self->rate) &&
           self->due >= atomic_load_explicit(&lp_rate_gate, memory_order_relaxed);
}

/* Is it certain that this block has no record? Looks in the table if that is likely to help. */
static inline bool absent(const void *block)
{
    struct lp_self *self = &lp_self;
    if (self->free_mask == 0 && !self->own)
        self->free_mask = ALL_BITS; /* this thread frees before its first allocation */
    uintptr_t address = (uintptr_t)block;
    if (address & atomic_load(&lp_block_mask) & ALL_BITS)
        return true;
    return !records_all(self) && lp_block_absent(address);
}

static void free_own(void *block)
{
    lp_own_heap_add(-(int64_t)malloc_usable_size(block));
    own_place(block, false);
}

__attribute__((noinline)) static void free_recorded(void *block)
{
    struct lp_block b;
    int64_t began = lp_self.own ? 0 : lp_hooktime_begin();
    int result = lp_block_remove((uintptr_t)block, &b);
    if (result == 0)
        book_free(&b);
    else if (result == -ENOENT && lp_self.own)
        free_own(block);
    lp_hooktime_end(began);
    __libc_free(block);
}

__attribute__((noinline)) static void free_slow(void *block)
{
    if (!block)
        return;
    if (!absent(block)) {
        free_recorded(block);
        return;
    }
    if (lp_self.own)
        free_own(block);
    __libc_free(block);
}

LP_HOOK void free(void *block)
{
    if (unrecorded(block))
        __libc_free(block);
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
    LP_KEEP_ERRNO;
    void *moved = __libc_memalign(LP_PAGE, size);
    if (!moved)
        return block;
    memcpy(moved, block, old < size ? old : size); /* what is new stays untouched */
    __libc_free(block);
    return moved;
}

__attribute__((noinline)) static void *realloc_slow(void *block, size_t size, void *caller)
{
    int64_t rate = 0;
    bool own = lp_self.own, sample = !own && size > 0 && due(size, &rate);
    size_t usable = own || sample ? malloc_usable_size(block) : 0;
    struct lp_block old;
    int taken = absent(block) ? -ENOENT : lp_block_remove((uintptr_t)block, &old);
    bool recorded = taken == 0;

    if (own)
        own_place(block, false);
    void *moved = __libc_realloc(block, size);
    if (own)
        own_place(!moved && size > 0 ? block : moved, true);
    if (!moved && size > 0) { /* failed: the old block stays */
        if (recorded && lp_block_insert(&old) != 0)
            book_free(&old);
        if (taken == -EAGAIN)
            lp_loss(LP_LOSS_WAITED); /* its record, if any, is removed later */
        return NULL;
    }
    if (recorded)
        book_free(&old);
    if (own && !recorded)
        lp_own_heap_add(-(int64_t)usable);
    if (own && moved)
        lp_own_heap_add((int64_t)malloc_usable_size(moved));
    if (sample && moved) {
        lp_self.busy = true;
        if (pages_at(rate))
            moved = move_to_page(moved, size, usable);
        if (!pages_at(rate) || at_page(moved))
            record(moved, size, rate, caller);
        else
            lp_loss(LP_LOSS_NO_MEMORY);
        lp_self.busy = false;
    }
    return moved;
}

static inline void *reallocate(void *block, size_t size, void *caller)
{
    if (!block)
        return passes(size) ? __libc_malloc(size) : allocate_slow(0, size, false, caller);
    if (unrecorded(block) && passes(size))
        return __libc_realloc(block, size);
    return realloc_slow(block, size, caller);
}

LP_HOOK void *realloc(void *block, size_t size)
{
    return reallocate(block, size, CALLER);
}

LP_HOOK void *reallocarray(void *block, size_t n, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return reallocate(block, bytes, CALLER);
}
