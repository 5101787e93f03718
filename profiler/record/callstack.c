/*
 * The stacks that hooks and signal handlers get: the unwinder's frames (record/unwinder.h) without
 * the profiler's own, with a mark if the stack is not whole, under one number.
 */
#include "record/unwind.h"

#include <errno.h>
#include <link.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "record/allocator.h"
#include "record/findobject.h"
#include "record/rate.h"
#include "record/self.h"
#include "record/stackcache.h"
#include "record/stacks.h"
#include "record/unwinder.h"
#include "sys/losses.h"

enum {
    HOOK_FRAMES = 8, /* at most this many of ours lie above the program's */
    RARE_RATE =
        16 << 10, /* from here on samples are too rare for the stack cache's memory to pay */
};

static uintptr_t hidden_start, hidden_end;

void lp_unwind_hide(uintptr_t start, uintptr_t end)
{
    hidden_start = start;
    hidden_end = end;
}

static uint32_t without_hidden(uintptr_t *frames, uint32_t n)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++)
        if (frames[i] < hidden_start || frames[i] >= hidden_end)
            frames[kept++] = frames[i];
    return kept;
}

/* Returns where the caller's frames begin, behind ours. Sets *n to their number, 0 if they are not
 * there. */
static uintptr_t *without_ours(uintptr_t *raw, uint32_t *n, uintptr_t caller)
{
    uint32_t skip = 0, all = *n;
    while (skip < all && skip <= HOOK_FRAMES && raw[skip] != caller - 1)
        skip++;
    *n = skip <= HOOK_FRAMES ? all - skip : 0;
    return raw + skip;
}

/* Adds the mark that says why a stack is not whole, in place of its outermost frame if there is no
 * room. */
static uint32_t with_mark(uintptr_t *frames, uint32_t n, enum lp_stack_end end)
{
    if (n > LP_FRAMES_MAX || end == LP_END_FULL) {
        n = n < LP_FRAMES_MAX ? n : LP_FRAMES_MAX - 1;
        frames[n++] = LP_FRAME_DEEPER;
    } else if (end == LP_END_CUT) {
        n = n < LP_FRAMES_MAX ? n : LP_FRAMES_MAX - 1;
        frames[n++] = LP_FRAME_CUT;
    }
    return n;
}

#if __GLIBC_PREREQ(2, 32)
#include <sys/single_threaded.h>
static bool one_thread(void)
{
    return __libc_single_threaded;
}
#else
/* multiple_threads in the thread's control block, which libc itself reads for this. */
static bool one_thread(void)
{
    int several;
    __asm__ volatile("movl %%fs:0x18, %0" : "=r"(several));
    return !several;
}
#endif

static _Atomic bool may_load_early = true;

void lp_unwind_not_early(void)
{
    atomic_store(&may_load_early, false);
}

/* Is the caller the loader itself? It may be in the middle of a change. */
static bool in_loader(uintptr_t address)
{
    struct lp_found object;
    return lp_find_object((void *)address, &object) && strstr(object.map->l_name, "/ld-linux");
}

/* Is the caller an allocator of the program's? It may hold its locks, and loading allocates. libc's
 * own calls within malloc() do not reach the hooks. */
static bool in_allocator(uintptr_t address)
{
    struct lp_found object;
    return !lp_allocator()->libc && lp_find_object((void *)address, &object) &&
           strcmp(object.map->l_name, lp_allocator()->file) == 0;
}

/* Loads libunwind before main if that is safe. false: the loader itself is at work, before the
 * program. */
static bool load_early(void *caller)
{
    bool loader = in_loader((uintptr_t)caller);
    if (!environ) /* libc is not initialized */
        return !loader;
    if (atomic_load_explicit(&may_load_early, memory_order_relaxed) && one_thread() && !loader &&
        !in_allocator((uintptr_t)caller) && atomic_exchange(&may_load_early, false))
        lp_unwind_load();
    return true;
}

/* `base` is a frame of ours below the caller's. `often`: look in the stack cache. */
__attribute__((always_inline)) static inline uint32_t stack_of(void *caller, uintptr_t base,
                                                               bool often)
{
    uintptr_t raw[LP_FRAMES_MAX + HOOK_FRAMES], leaf[2] = {(uintptr_t)caller - 1, LP_FRAME_CUT};
    bool wanted = false;
    enum lp_stack_end end;
    uint32_t stack = often ? lp_stackcache_find(base, (uintptr_t)caller, &wanted) : LP_STACK_NONE;
    if (stack != LP_STACK_NONE) {
        lp_unwinder_count_loss();
        return stack;
    }
    if (lp_unwinder_at((uintptr_t)caller))
        return lp_stack_intern(leaf, 2);
    if (!lp_unwinder_loaded() && !load_early(caller))
        return LP_STACK_EARLIER;

    struct lp_stackcache_words words;
    words.n = 0;
    struct lp_stackcache_words *note = wanted ? &words : NULL;
    uint32_t n = lp_unwinder_here(raw, LP_FRAMES_MAX + HOOK_FRAMES, note, base, &end);
    bool taken = n > 0; /* otherwise it was already counted as a loss */
    uintptr_t *frames = without_ours(raw, &n, (uintptr_t)caller);
    n = without_hidden(frames, n);
    if (n <= 1) {
        if (taken && lp_unwinder_loaded())
            lp_loss(LP_LOSS_NO_STACK);
        return lp_stack_intern(leaf, 2);
    }
    stack = lp_stack_intern(frames, with_mark(frames, n, end));
    if (note && stack != LP_STACK_NONE)
        lp_stackcache_keep(base, (uintptr_t)caller, note, stack);
    return stack;
}

__attribute__((noinline)) uint32_t lp_stack_of_caller(void *caller)
{
    int64_t rate = lp_rate();
    return stack_of(caller, (uintptr_t)__builtin_frame_address(0), rate > 0 && rate <= RARE_RATE);
}

__attribute__((noinline)) uint32_t lp_stack_of_call(void *caller)
{
    return stack_of(caller, (uintptr_t)__builtin_frame_address(0), true);
}

static uint32_t unwind_context(uintptr_t *frames, uint32_t max, void *ucontext)
{
    enum lp_stack_end end;
    uint32_t n = lp_unwinder_context(frames, max, ucontext, &end);
    n = without_hidden(frames, n);
    return n > 0 ? with_mark(frames, n, end) : 0;
}

int lp_stack_interrupted(uintptr_t *frames, uint32_t max, void *ucontext)
{
    if (lp_self.busy)
        return -EBUSY;
    lp_self.busy = true;
    int n = (int)unwind_context(frames, max, ucontext);
    lp_self.busy = false;
    return n;
}
