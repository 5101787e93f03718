#define UNW_LOCAL_ONLY
#include <libunwind.h>

#include "record/unwind.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "record/loader.h"
#include "record/stackcache.h"
#include "record/rate.h"
#include "record/self.h"
#include "sys/losses.h"
#include "record/stacks.h"

enum {
#ifdef __SANITIZE_THREAD__
    CACHE_EARNED_AFTER = INT_MAX, /* the cache is freed when TSan has left the thread already */
#else
    CACHE_EARNED_AFTER = 16, /* stacks in one thread */
#endif
    HOOK_FRAMES = 8,      /* at most this many of ours lie above the program's */
    RARE_RATE = 16 << 10, /* from here on samples are too rare for the memo's memory to pay */
};

static _Atomic uint32_t caches;
static pthread_key_t cache_key; /* to hear of the end of a thread that has one */
static bool prepared;

/* How often code was unloaded. A trace cache keeps what was found at an address for the life of its
 * thread, and unw_flush_cache() does not reach it: with other code there by now, or none known then
 * and some now, it would lead astray. Such a cache is not used any more; its thread steps. */
static _Atomic uint32_t unloads;

/* Who is inside libunwind: counted on several cache lines, for every sample comes by. */
enum { STRIPES = 16, FORK_PATIENCE_NS = 200000000 };
static struct stripe {
    _Atomic int inside;
    char pad[60];
} stripes[STRIPES];
static _Atomic int
    closed; /* forks under way; in a child also: libunwind's locks are not to be trusted */
static bool in_child; /* written by the only thread of a new child */

/* NULL: keep out. */
static struct stripe *enter(void)
{
    struct stripe *stripe = &stripes[((uintptr_t)&lp_self >> 12) % STRIPES];
    atomic_fetch_add(&stripe->inside, 1);
    if (atomic_load(&closed) == 0)
        return stripe;
    atomic_fetch_sub(&stripe->inside, 1);
    lp_loss(LP_LOSS_FORKING);
    return NULL;
}

static void leave(struct stripe *stripe)
{
    atomic_fetch_sub_explicit(&stripe->inside, 1, memory_order_release);
}

static bool anybody_inside(void)
{
    for (int i = 0; i < STRIPES; i++)
        if (atomic_load(&stripes[i].inside) != 0)
            return true;
    return false;
}

void lp_unwind_before_fork(bool above_holder)
{
    atomic_fetch_add(&closed, 1);
    int64_t until = lp_now_ns() + (above_holder ? 0 : FORK_PATIENCE_NS);
    while (anybody_inside() && lp_now_ns() < until)
        sched_yield();
}

void lp_unwind_after_fork(bool child)
{
    if (!child) {
        atomic_fetch_sub(&closed, 1);
        return;
    }
    /* A thread that ends gives its trace cache back under a lock of libunwind's, and nobody can
     * wait for that one: children step, as new threads do, and never need it. */
    in_child = true;
    /* Somebody was inside all the while: no more stacks here. */
    atomic_store(&closed, anybody_inside());
}

/* Where libunwind lies, so that its calls can be told from the program's. Same values, whoever
 * writes them; empty when it is part of the program itself. */
static _Atomic uintptr_t unwinder_start, unwinder_end;

static void find_unwinder(void)
{
    struct dl_find_object object;
    if (atomic_load_explicit(&unwinder_end, memory_order_relaxed) ||
        _dl_find_object((void *)unw_backtrace, &object) != 0)
        return;
    uintptr_t start = (uintptr_t)object.dlfo_map_start, end = (uintptr_t)object.dlfo_map_end;
    if ((uintptr_t)find_unwinder >= start && (uintptr_t)find_unwinder < end)
        return;
    atomic_store(&unwinder_start, start);
    atomic_store(&unwinder_end, end);
}

bool lp_unwinder_calls(const void *caller)
{
    uintptr_t address = (uintptr_t)caller;
    return address < atomic_load_explicit(&unwinder_end, memory_order_relaxed) &&
           address >= atomic_load_explicit(&unwinder_start, memory_order_relaxed);
}

/* All the frames from `cursor` on; `exact`: the first address is not a return address. `words`,
 * when wanted, are what they hang on above `base`. */
static uint32_t step(unw_cursor_t *cursor, uintptr_t *frames, uint32_t max, int exact,
                     struct lp_stackcache_words *words, uintptr_t base)
{
    uint32_t n = 0;
    unw_save_loc_t saved, before = {.type = UNW_SLT_NONE};
    do {
        unw_word_t ip = 0, sp = 0;
        if (unw_get_reg(cursor, UNW_REG_IP, &ip) < 0 || ip == 0)
            break;
        frames[n++] = exact ? ip : ip - 1;
        exact = unw_is_signal_frame(cursor) > 0;
        if (!words)
            continue;
        if (exact || unw_get_reg(cursor, UNW_REG_SP, &sp) < 0 ||
            unw_get_save_loc(cursor, UNW_X86_64_RBP, &saved) < 0) {
            words->n = LP_STACKCACHE_WORDS + 1;
            words = NULL;
            continue;
        }
        if (n > 1) /* the call pushed it just below where its frame ended */
            lp_stackcache_note(words, base, sp - sizeof(uintptr_t));
        if (saved.type == UNW_SLT_MEMORY &&
            (before.type != UNW_SLT_MEMORY || saved.u.addr != before.u.addr))
            lp_stackcache_note(words, base, saved.u.addr);
        before = saved;
    } while (n < max && unw_step(cursor) > 0);
    return n;
}

__attribute__((noinline)) static uint32_t
step_from_here(uintptr_t *frames, uint32_t max, struct lp_stackcache_words *words, uintptr_t base)
{
    unw_context_t context;
    unw_cursor_t cursor;
    if (unw_getcontext(&context) < 0 || unw_init_local(&cursor, &context) < 0)
        return 0;
    return step(&cursor, frames, max, 0, words, base);
}

/* Raw frames from the caller on, ours among them. */
__attribute__((noinline)) static uint32_t
backtrace_raw(uintptr_t *raw, uint32_t max, struct lp_stackcache_words *words, uintptr_t base)
{
    if (words)
        return step_from_here(raw, max, words, base);
    uint32_t code = atomic_load_explicit(&unloads, memory_order_relaxed);
    if (lp_self.unwinds < CACHE_EARNED_AFTER || !prepared ||
        (lp_self.cached ? lp_self.code != code : in_child)) {
        lp_self.unwinds++;
        return step_from_here(raw, max, NULL, 0);
    }
    if (!lp_self.cached) {
        lp_self.cached = true;
        lp_self.code = code;
        if (pthread_setspecific(cache_key, &caches) == 0)
            atomic_fetch_add_explicit(&caches, 1, memory_order_relaxed);
    }
    int got = unw_backtrace((void **)raw, (int)max);
    uint32_t n = got > 0 ? (uint32_t)got : 0;
    for (uint32_t i = 0; i < n; i++)
        raw[i]--;
    return n;
}

/* As above, through the gate. */
static uint32_t backtrace(uintptr_t *raw, struct lp_stackcache_words *words, uintptr_t base)
{
    struct stripe *stripe = enter();
    if (!stripe)
        return 0;
    find_unwinder();
    if (words)
        words->n = 0;
    uint32_t n = backtrace_raw(raw, LP_FRAMES_MAX + HOOK_FRAMES, words, base);
    leave(stripe);
    return n;
}

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

/* Where the caller's frames begin behind ours; *n, their number, is 0 when they are not there. */
static uintptr_t *without_ours(uintptr_t *raw, uint32_t *n, uintptr_t caller)
{
    uint32_t skip = 0, all = *n;
    while (skip < all && skip <= HOOK_FRAMES && raw[skip] != caller - 1)
        skip++;
    *n = 0;
    if (skip <= HOOK_FRAMES)
        while (skip + *n < all && raw[skip + *n] != (uintptr_t)-1)
            ++*n;
    return raw + skip;
}

/* `base` is a frame of ours below the caller's; `often`: the memo is asked. */
__attribute__((always_inline)) static inline uint32_t stack_of(void *caller, uintptr_t base,
                                                               bool often)
{
    uintptr_t raw[LP_FRAMES_MAX + HOOK_FRAMES], leaf = (uintptr_t)caller - 1;
    bool wanted = false;
    uint32_t stack = often ? lp_stackcache_find(base, (uintptr_t)caller, &wanted) : LP_STACK_NONE;
    if (stack != LP_STACK_NONE)
        return stack;

    struct lp_stackcache_words words;
    words.n = 0;
    struct lp_stackcache_words *note = wanted ? &words : NULL;
    uint32_t n = backtrace(raw, note, base);
    if (lp_loader_stale() && lp_loader_refresh(raw, n)) { /* it may have ended too early */
        lp_self.code--;
        n = backtrace(raw, note, base);
    }
    bool taken = n > 0; /* else it is a loss already */
    uintptr_t *frames = without_ours(raw, &n, (uintptr_t)caller);
    n = without_hidden(frames, n);
    if (n <= 1) {
        if (taken)
            lp_loss(LP_LOSS_NO_STACK);
        return lp_stack_intern(&leaf, 1);
    }
    stack = lp_stack_intern(frames, n);
    if (note && stack != LP_STACK_NONE && !lp_loader_stale())
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
    unw_cursor_t cursor;
    struct stripe *stripe = enter();
    if (!stripe)
        return 0;
    uint32_t n = 0;
    if (unw_init_local2(&cursor, ucontext, UNW_INIT_SIGNAL_FRAME) >= 0)
        n = step(&cursor, frames, max, 1, NULL, 0);
    leave(stripe);
    return without_hidden(frames, n);
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

void lp_unwind_forget(void)
{
    atomic_fetch_add(&unloads, 1);
    unw_flush_cache(unw_local_addr_space, 0, 0);
    lp_stackcache_forget();
}

/* libunwind gives the thread's cache back at the same time, and makes no other. */
static void forget_cache(void *arg)
{
    (void)arg;
    atomic_fetch_sub_explicit(&caches, 1, memory_order_relaxed);
}

void lp_unwind_prepare(void)
{
    uintptr_t frames[LP_FRAMES_MAX];
    bool busy = lp_self.busy;
    lp_self.busy = true;
    prepared = pthread_key_create(&cache_key, forget_cache) == 0;
    find_unwinder();
    unw_set_caching_policy(unw_local_addr_space, UNW_CACHE_PER_THREAD);
    step_from_here(frames, LP_FRAMES_MAX, NULL, 0);
    lp_self.busy = busy;
}

uint32_t lp_unwind_caches(void)
{
    return atomic_load_explicit(&caches, memory_order_relaxed);
}
