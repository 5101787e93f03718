/*
 * There are two unwinders. libunwind reads the unwind tables. lp_unwind_load() loads it privately
 * (record/privatelib.h), at a moment when that is safe. Before that, and where code has no tables,
 * frames are followed by frame pointers as far as they are consistent: a frame lies above the one
 * before, its memory can be read, and its return address lies in code, behind a call. If the next
 * frame cannot be found, the stack is cut and gets a mark (record/stacks.h).
 *
 * record/unwindcalls.c has what libunwind calls in place of some functions of libc.
 */
#define UNW_LOCAL_ONLY
#include <libunwind.h>

#include "record/unwind.h"

#include <dlfcn.h>
#include <errno.h>
#include <gnu/libc-version.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "record/code.h"
#include "record/findobject.h"
#include "record/framepointers.h"
#include "record/unwindcalls.h"
#include "record/unwinder.h"
#include "record/unwindgate.h"
#include "record/self.h"
#include "record/stackcache.h"
#include "record/stacks.h"
#include "sys/losses.h"
#include "sys/pages.h"
#include "sys/readable.h"
#include "sys/syscall.h"

enum {
#ifdef __SANITIZE_THREAD__
    CACHE_EARNED_AFTER = INT_MAX, /* TSan has left the thread before the cache is freed */
#else
    CACHE_EARNED_AFTER = 16, /* stacks taken in one thread */
#endif
    ENDS = 256,
};

/* libunwind's functions, under the names in its header. All are set once `loaded` is true. */
static struct {
    int (*init_local)(unw_cursor_t *, unw_context_t *);
    int (*init_local2)(unw_cursor_t *, unw_context_t *, int);
    int (*step)(unw_cursor_t *);
    int (*get_reg)(unw_cursor_t *, int, unw_word_t *);
    int (*get_save_loc)(unw_cursor_t *, int, unw_save_loc_t *);
    int (*getcontext)(unw_context_t *);
    int (*backtrace)(void **, int);
    int (*set_caching_policy)(unw_addr_space_t, unw_caching_policy_t);
    void (*flush_cache)(unw_addr_space_t, unw_word_t, unw_word_t);
    unw_accessors_t *(*get_accessors)(unw_addr_space_t);
    unw_addr_space_t *local;
    uintptr_t start, end; /* where it is loaded */
} lu;
static _Atomic bool loaded;

static _Atomic uint32_t caches;
static pthread_key_t cache_key; /* its destructor runs at the end of a thread that has a cache */

/* How often code was unloaded. A trace cache keeps what was found at an address until its thread
 * ends, and unw_flush_cache() does not reach it. After other code was loaded there, it would give
 * wrong results. So the cache is not used after an unload, and its thread takes stacks by stepping.
 */
static _Atomic uint32_t unloads;

/* Pages that could be read since this stack was begun. libunwind remembers them for longer, but the
 * program may have unmapped them: stacks of coroutines and threads come and go, and what the
 * unwinder takes for a frame pointer may point to one. */
enum { PAGES_KNOWN = 4 };
static __thread uintptr_t pages_known[PAGES_KNOWN];

static uintptr_t *place_of(uintptr_t page)
{
    return &pages_known[page / LP_PAGE % PAGES_KNOWN];
}

/* Begins a stack: at `base` there is one, since we run on it. */
static void forget_pages(uintptr_t base)
{
    for (int i = 0; i < PAGES_KNOWN; i++)
        pages_known[i] = 0;
    *place_of(base) = base & ~(uintptr_t)(LP_PAGE - 1);
}

static bool can_be_read(uintptr_t address)
{
    uintptr_t page = address & ~(uintptr_t)(LP_PAGE - 1), *known = place_of(page);
    if (page && *known == page)
        return true;
    if (!lp_sys_readable((const void *)page))
        return false;
    *known = page;
    return true;
}

static int (*real_access_mem)(unw_addr_space_t, unw_word_t, unw_word_t *, int, void *);

typedef unw_word_t unaligned_word __attribute__((aligned(1), may_alias));

/* How libunwind reads a word of a stack. The program's own calls are passed on. Without unwind
 * tables, libunwind guesses where frames are, and its guess may not be aligned. */
__attribute__((no_sanitize("address", "thread"))) static int
access_mem(unw_addr_space_t space, unw_word_t address, unw_word_t *value, int write, void *arg)
{
    if (!lp_self.busy || write)
        return real_access_mem(space, address, value, write, arg);
    if (!can_be_read(address) || !can_be_read(address + sizeof *value - 1))
        return -UNW_EINVAL;
    *value = *(const unaligned_word *)address;
    return 0;
}

/* libc, which contains the trampoline of signal handlers. */
static uintptr_t libc_start, libc_end;

static bool read_registers(unw_cursor_t *cursor, struct lp_registers *r)
{
    unw_word_t ip = 0, sp = 0, bp = 0;
    if (lu.get_reg(cursor, UNW_REG_IP, &ip) < 0 || lu.get_reg(cursor, UNW_REG_SP, &sp) < 0)
        return false;
    lu.get_reg(cursor, UNW_X86_64_RBP, &bp);
    *r = (struct lp_registers){ip, sp, bp};
    return true;
}

/* Begins anew at these registers; what else the frame had in registers is not known. */
static bool begin_at(unw_cursor_t *cursor, unw_context_t *context, const struct lp_registers *r)
{
    *context = (unw_context_t){0};
    context->uc_mcontext.gregs[REG_RIP] = (greg_t)r->ip;
    context->uc_mcontext.gregs[REG_RSP] = (greg_t)r->sp;
    context->uc_mcontext.gregs[REG_RBP] = (greg_t)r->bp;
    return lu.init_local(cursor, context) >= 0;
}

/* Notes what the stack above depends on, for the stack cache: where the return address was, and
 * where the frame pointer was saved. false: it cannot be told. */
static bool note_words(unw_cursor_t *cursor, const struct lp_registers *r, bool first,
                       unw_save_loc_t *before, struct lp_stackcache_words *words, uintptr_t base)
{
    unw_save_loc_t saved;
    if (lu.get_save_loc(cursor, UNW_X86_64_RBP, &saved) < 0)
        return false;
    if (!first) /* the call pushed it just below where its frame ended */
        lp_stackcache_note(words, base, r->sp - sizeof(uintptr_t));
    if (saved.type == UNW_SLT_MEMORY &&
        (before->type != UNW_SLT_MEMORY || saved.u.addr != before->u.addr))
        lp_stackcache_note_pointer(words, base, saved.u.addr);
    *before = saved;
    return true;
}

/* `behind_code`: the byte before is known to be code. What was interrupted may be nowhere, and a
 * call may end the last page of code. */
static bool is_sigreturn(uintptr_t ip, bool behind_code)
{
    bool can_be_read = (behind_code && ip % LP_PAGE != 0) || lp_code_at(ip);
    return can_be_read && lp_code_is_sigreturn(ip);
}

/* All the frames from `cursor` on; `exact`: the first address is not a return address. `words`,
 * when wanted, are what they depend on above `base`. */
static uint32_t step(unw_cursor_t *cursor, uintptr_t *frames, uint32_t max, bool exact,
                     struct lp_stackcache_words *words, uintptr_t base, enum lp_stack_end *end)
{
    unw_save_loc_t saved = {.type = UNW_SLT_NONE};
    unw_context_t context; /* of begin_at() */
    struct lp_registers here, last = {0};
    uint32_t n = 0;
    *end = LP_END_FULL;
    while (n < max) {
        bool known = read_registers(cursor, &here);
        if (!known || here.ip == 0) {
            *end = known ? LP_END_COMPLETE : LP_END_CUT;
            break;
        }
        if (n > 0 && !lp_code_at(exact ? here.ip : here.ip - 1)) {
            /* The tables were wrong, or there are none and libunwind guessed. */
            here = last;
            if (exact || !lp_frame_above(&here) || !begin_at(cursor, &context, &here)) {
                *end = exact || here.bp != 0 ? LP_END_CUT : LP_END_COMPLETE;
                break;
            }
            if (words)
                words->n = LP_STACKCACHE_WORDS + 1;
            words = NULL;
        }
        bool sigreturn = is_sigreturn(here.ip, n > 0);
        frames[n++] = exact || sigreturn ? here.ip : here.ip - 1;
        exact = sigreturn; /* its caller was interrupted and did not call it */
        if (words && (exact || !note_words(cursor, &here, n == 1, &saved, words, base))) {
            words->n = LP_STACKCACHE_WORDS + 1;
            words = NULL;
        }
        last = here;
        int more = lu.step(cursor);
        if (more > 0)
            continue;
        if (more == 0) {
            *end = LP_END_COMPLETE;
            break;
        }
        if (exact || !lp_frame_above(&here) || !begin_at(cursor, &context, &here)) {
            *end = LP_END_CUT;
            break;
        }
        if (words)
            words->n = LP_STACKCACHE_WORDS + 1;
        words = NULL;
    }
    return n;
}

__attribute__((noinline)) static uint32_t step_from_here(uintptr_t *frames, uint32_t max,
                                                         struct lp_stackcache_words *words,
                                                         uintptr_t base, enum lp_stack_end *end)
{
    unw_context_t context;
    unw_cursor_t cursor;
    *end = LP_END_CUT;
    if (lu.getcontext(&context) < 0 || lu.init_local(&cursor, &context) < 0)
        return 0;
    return step(&cursor, frames, max, false, words, base, end);
}

/* Outermost addresses of stacks that were complete, found by stepping. unw_backtrace() does not
 * report why it ended. If it ends at one of these, the stack is complete. */
static LP_APART _Atomic uintptr_t ends[ENDS];

static _Atomic uintptr_t *end_place(uintptr_t address)
{
    return &ends[(address * 0x9e3779b97f4a7c15u >> 40) % ENDS];
}

/* Calls unw_backtrace(), with its cache. false: it may not be used, or the stack may be incomplete.
 */
static bool backtrace_fast(uintptr_t *raw, uint32_t max, uint32_t *n)
{
    uint32_t code = atomic_load_explicit(&unloads, memory_order_relaxed);
    if (lp_self.unwinds < CACHE_EARNED_AFTER ||
        (lp_self.cached ? lp_self.code != code : lp_unwind_in_child()))
        return false;
    if (!lp_self.cached) {
        lp_self.cached = true;
        lp_self.code = code;
        if (pthread_setspecific(cache_key, &caches) == 0)
            atomic_fetch_add_explicit(&caches, 1, memory_order_relaxed);
    }
    int got = lu.backtrace((void **)raw, (int)max);
    if (got <= 0 || (uint32_t)got == max ||
        atomic_load_explicit(end_place(raw[got - 1] - 1), memory_order_relaxed) != raw[got - 1] - 1)
        return false;
    /* Return addresses are behind their call. An address that a signal interrupted is not. */
    bool exact = false;
    for (int i = 0; i < got; i++) {
        bool sigreturn = raw[i] >= libc_start && raw[i] < libc_end && lp_code_is_sigreturn(raw[i]);
        raw[i] -= !exact && !sigreturn;
        exact = sigreturn;
    }
    *n = (uint32_t)got;
    return true;
}

bool lp_unwinder_at(uintptr_t address)
{
    struct lp_found object;
    if (lp_unwinder_loaded())
        return address >= lu.start && address < lu.end;
    return lp_find_object((void *)address, &object) && strstr(object.map->l_name, "/libunwind.so");
}

bool lp_unwinder_loaded(void)
{
    return atomic_load_explicit(&loaded, memory_order_acquire);
}

/* AddressSanitizer's runtime allocates before libunwind can be loaded. */
void lp_unwinder_count_loss(void)
{
#ifndef __SANITIZE_ADDRESS__
    if (!lp_unwinder_loaded())
        lp_loss(LP_LOSS_NO_UNWINDER);
#endif
}

/* Takes the raw frames from the caller on, including ours. */
__attribute__((noinline)) static uint32_t backtrace_raw(uintptr_t *raw, uint32_t max,
                                                        struct lp_stackcache_words *words,
                                                        uintptr_t base, enum lp_stack_end *end)
{
    uint32_t n;
    *end = LP_END_COMPLETE;
    if (!lp_unwinder_loaded()) {
        lp_unwinder_count_loss();
        return lp_frames_walk(base, raw, max, words, end);
    }
    if (!words && backtrace_fast(raw, max, &n))
        return n;
    if (!words)
        lp_self.unwinds++;
    n = step_from_here(raw, max, words, base, end);
    if (n > 0 && *end == LP_END_COMPLETE)
        atomic_store_explicit(end_place(raw[n - 1]), raw[n - 1], memory_order_relaxed);
    return n;
}

uint32_t lp_unwinder_here(uintptr_t *raw, uint32_t max, struct lp_stackcache_words *words,
                          uintptr_t base, enum lp_stack_end *end)
{
    *end = LP_END_UNKNOWN;
    if (!lp_unwind_enter())
        return 0;
    if (words)
        words->n = 0;
    forget_pages(base);
    uint32_t n = backtrace_raw(raw, max, words, base, end);
    lp_unwind_leave();
    return n;
}

static uint32_t step_context(uintptr_t *frames, uint32_t max, void *ucontext,
                             enum lp_stack_end *end)
{
    unw_cursor_t cursor;
    if (lu.init_local2(&cursor, ucontext, UNW_INIT_SIGNAL_FRAME) < 0)
        return 0;
    return step(&cursor, frames, max, true, NULL, 0, end);
}

uint32_t lp_unwinder_context(uintptr_t *frames, uint32_t max, void *ucontext,
                             enum lp_stack_end *end)
{
    uint32_t n = 0;
    *end = LP_END_UNKNOWN;
    if (!lp_unwind_enter())
        return 0;
    forget_pages((uintptr_t)__builtin_frame_address(0));
    if (lp_unwinder_loaded())
        n = step_context(frames, max, ucontext, end);
    else
        lp_loss(LP_LOSS_NO_UNWINDER);
    lp_unwind_leave();
    return n;
}

void lp_unwind_forget(void)
{
    atomic_fetch_add(&unloads, 1);
    for (int i = 0; i < ENDS; i++)
        atomic_store_explicit(&ends[i], 0, memory_order_relaxed);
    if (atomic_load(&loaded))
        lu.flush_cache(*lu.local, 0, 0);
    lp_code_forget();
    lp_stackcache_forget();
}

/* The thread ends. libunwind releases its cache at the same time and makes no other. */
static void forget_cache(void *arg)
{
    (void)arg;
    atomic_fetch_sub_explicit(&caches, 1, memory_order_relaxed);
}

#define TEXT_(name) #name
#define TEXT(name) TEXT_(name)

static bool find_functions(void *library)
{
    const struct {
        void *place;
        const char *name;
    } functions[] = {
        {&lu.init_local, TEXT(unw_init_local)},
        {&lu.init_local2, TEXT(unw_init_local2)},
        {&lu.step, TEXT(unw_step)},
        {&lu.get_reg, TEXT(unw_get_reg)},
        {&lu.get_save_loc, TEXT(unw_get_save_loc)},
        {&lu.getcontext, TEXT(unw_tdep_getcontext)},
        {&lu.backtrace, TEXT(unw_backtrace)},
        {&lu.set_caching_policy, TEXT(unw_set_caching_policy)},
        {&lu.flush_cache, TEXT(unw_flush_cache)},
        {&lu.get_accessors, TEXT(unw_get_accessors)},
        {&lu.local, TEXT(unw_local_addr_space)},
    };
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (!(*(void **)functions[i].place = dlsym(library, functions[i].name)))
            return false;
    return true;
}

/* Unwinds once, so that libunwind sets up its data for the process now. true: it searched for an
 * address of this very function, so the first word of its data is the address that it searches for.
 */
__attribute__((noinline)) static bool try_out(void)
{
    uintptr_t frames[LP_FRAMES_MAX];
    enum lp_stack_end end;
    return step_from_here(frames, LP_FRAMES_MAX, NULL, 0, &end) > 1 &&
           lp_code_at(lp_unwind_calls_wanted());
}

bool lp_unwind_load(void)
{
    if (atomic_load(&loaded))
        return true;
    int previous = lp_own_enter();
    void *library = lp_privatelib_load("libunwind.so.8", lp_unwind_calls, LP_UNWIND_TLS_BYTES);
    bool found =
        library && find_functions(library) && pthread_key_create(&cache_key, forget_cache) == 0;
    lp_own_leave(previous);
    if (!found)
        return false;
    struct lp_found libc, unwinder;
    if (lp_find_object((void *)lu.step, &unwinder)) {
        lu.start = (uintptr_t)unwinder.start;
        lu.end = (uintptr_t)unwinder.end;
    }
    if (lp_find_object((void *)gnu_get_libc_version, &libc)) {
        libc_start = (uintptr_t)libc.start;
        libc_end = (uintptr_t)libc.end;
    }
    bool busy = lp_self.busy;
    lp_self.busy = true;
    lu.set_caching_policy(*lu.local, UNW_CACHE_PER_THREAD);
    forget_pages((uintptr_t)__builtin_frame_address(0));
    unw_accessors_t *accessors = lu.get_accessors(*lu.local);
    if (accessors->access_mem != access_mem) {
        real_access_mem = accessors->access_mem;
        __atomic_store_n(&accessors->access_mem, access_mem, __ATOMIC_RELEASE);
    }
    if (try_out()) {
        atomic_store_explicit(&loaded, true, memory_order_release);
        lp_stackcache_forget(); /* stacks by frame pointers */
    }
    lp_self.busy = busy;
    return atomic_load(&loaded);
}

uint32_t lp_unwind_caches(void)
{
    return atomic_load_explicit(&caches, memory_order_relaxed);
}
