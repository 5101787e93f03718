/*
 * Mappings, by the calls that make, move and remove them. What libc maps for itself (thread stacks,
 * malloc's arenas, libraries) does not reach these hooks: inspect/mappings.c finds it in
 * /proc/self/maps.
 *
 * As soon as the kernel has unmapped a range, another thread may get the same addresses. So the
 * range is marked in the table before the call, and removed after it. A mapping that was recorded
 * there in between has no mark and stays. If the call fails, the mark is taken off. If the kernel
 * replaces a mapping in one step (MAP_FIXED), the table does too, after the call.
 *
 * If the table's lock is not free within milliseconds, the event is a loss, and the call continues.
 * record/ranges.h explains what happens to ranges that are stale because of that.
 */
#include "hooks/hook.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>

#include "sys/clock.h"
#include "record/self.h"
#include "record/unwind.h"
#include "sys/keep_errno.h"
#include "sys/losses.h"
#include "sys/pages.h"
#include "record/maps.h"
#include "record/stacks.h"

#ifndef MREMAP_DONTUNMAP /* glibc 2.32 */
#define MREMAP_DONTUNMAP 4
#endif
#define CALLER __builtin_return_address(0)

enum {
    HUGE_SHIFT = 21, /* used by MAP_HUGETLB if no page size is given */
};

/* Rounds up to the length that the kernel maps. 0: it is too large. */
static size_t whole(size_t length, size_t page)
{
    size_t rounded = (length + page - 1) & ~(page - 1);
    return rounded < length ? 0 : rounded;
}

static size_t page_of(int flags)
{
    int shift = (unsigned)flags >> MAP_HUGE_SHIFT & MAP_HUGE_MASK;
    return flags & MAP_HUGETLB ? (size_t)1 << (shift ? shift : HUGE_SHIFT) : LP_PAGE;
}

/* Records a new mapping. Keeps errno. */
__attribute__((noinline)) static void mapped(const void *start, size_t length, void *caller)
{
    LP_KEEP_ERRNO;
    bool above = lp_self.busy; /* in a signal handler that interrupted us */
    bool own = lp_self.own;
    if (!lp_hooks_process())
        return;
    if (above && !own)
        lp_loss(LP_LOSS_REENTERED);
    lp_self.busy = true;
    lp_ranges_put(
        &lp_maps,
        &(struct lp_range){.start = (uintptr_t)start,
                           .length = length,
                           .stack = own || above ? LP_STACK_NONE : lp_stack_of_call(caller),
                           .birth = lp_now_ticks(),
                           .own = own},
        above);
    lp_self.busy = above;
}

/* Call before an unmapping. 0: nothing to do after it. */
static uint32_t going(const void *start, size_t length)
{
    bool above = lp_self.busy;
    if (!lp_hooks_process())
        return 0;
    lp_self.busy = true;
    uint32_t mark = lp_ranges_mark(&lp_maps, (uintptr_t)start, length, above);
    lp_self.busy = above;
    return mark;
}

static void gone(const void *start, size_t length, uint32_t mark, bool really)
{
    LP_KEEP_ERRNO;
    bool above = lp_self.busy;
    if (!mark)
        return;
    lp_self.busy = true;
    if (really)
        lp_ranges_gone(&lp_maps, (uintptr_t)start, length, mark, above);
    else
        lp_ranges_stays(&lp_maps, (uintptr_t)start, length, mark, above);
    lp_self.busy = above;
}

#define MAPS(name, offset_type)                                                                    \
    LP_FIND(name)                                                                                  \
    LP_HOOK void *name(void *where, size_t length, int protection, int flags, int fd,              \
                       offset_type offset)                                                         \
    {                                                                                              \
        void *start = LP_REAL(name)(where, length, protection, flags, fd, offset);                 \
        if (start != MAP_FAILED)                                                                   \
            mapped(start, whole(length, page_of(flags)), CALLER);                                  \
        return start;                                                                              \
    }
MAPS(mmap, off_t)
MAPS(mmap64, off64_t)

LP_FIND(munmap)
LP_HOOK int munmap(void *start, size_t length)
{
    size_t bytes = whole(length, LP_PAGE);
    uint32_t mark = going(start, bytes);
    int result = LP_REAL(munmap)(start, length);
    gone(start, bytes, mark, result == 0);
    return result;
}

/* As with realloc(), the mapping belongs to this call from now on. But a mapping that shrinks in
 * place keeps its stack. If the old length is 0, or with MREMAP_DONTUNMAP, the old mapping stays.
 */
LP_FIND(mremap)
LP_HOOK void *mremap(void *old, size_t old_length, size_t length, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    void *where = flags & MREMAP_FIXED ? va_arg(list, void *) : NULL;
    va_end(list);

    size_t old_bytes = whole(old_length, LP_PAGE), bytes = whole(length, LP_PAGE);
    bool leaves = old_bytes > 0 && !(flags & MREMAP_DONTUNMAP);
    bool shrinks = leaves && bytes <= old_bytes && !(flags & MREMAP_FIXED);
    const char *tail = (const char *)old + (shrinks ? bytes : 0);
    size_t tail_bytes = shrinks ? old_bytes - bytes : old_bytes;
    uint32_t mark = leaves ? going(tail, tail_bytes) : 0;
    void *start = LP_REAL(mremap)(old, old_length, length, flags, where);
    if (start != MAP_FAILED && !shrinks)
        mapped(start, bytes, CALLER); /* first: one that grows in place is never missing */
    gone(tail, tail_bytes, mark, start != MAP_FAILED);
    return start;
}

LP_FIND(shmat)
LP_HOOK void *shmat(int id, const void *where, int flags)
{
    void *start = LP_REAL(shmat)(id, where, flags);
    struct shmid_ds segment;
    LP_KEEP_ERRNO;
    if (start != MAP_FAILED && shmctl(id, IPC_STAT, &segment) == 0)
        mapped(start, whole(segment.shm_segsz, LP_PAGE), CALLER);
    return start;
}

/* The length of the segment attached here: the sum of all pieces from one call. */
static size_t attached(uintptr_t start)
{
    struct lp_range first, next;
    bool above = lp_self.busy;
    lp_self.busy = true;
    uintptr_t end = start;
    if (lp_ranges_copy(&lp_maps, start, &first, 1, above) && first.start == start) {
        end = start + first.length;
        while (lp_ranges_copy(&lp_maps, end, &next, 1, above) && next.call == first.call)
            end = next.start + next.length;
    }
    lp_self.busy = above;
    return end - start;
}

LP_FIND(shmdt)
LP_HOOK int shmdt(const void *start)
{
    size_t length = attached((uintptr_t)start);
    uint32_t mark = going(start, length);
    int result = LP_REAL(shmdt)(start);
    gone(start, length, mark, result == 0);
    return result;
}
