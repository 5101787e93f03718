/*
 * There are two unwinders. libunwind reads the unwind tables. lp_unwind_load() loads it privately
 * (record/privatelib.h), at a moment when that is safe. Before that, and where code has no tables,
 * frames are followed by frame pointers as far as they are consistent: a frame lies above the one
 * before, its memory can be read, and its return address lies in code, behind a call. If the next
 * frame cannot be found, the stack is cut and gets a mark (record/stacks.h).
 *
 * Some calls of libunwind are redirected to functions here:
 *
 * - dl_iterate_phdr() takes a lock of the loader, and a thread inside the loader may wait for a
 *   lock of libunwind: a deadlock. The replacement shows only the object that libunwind is looking
 *   for (record/code.h). It takes no lock, and its data is never out of date.
 * - Before libunwind reads a word of a stack, it checks with mincore() that the page is there, and
 *   tries to write a byte from it to a pipe of its own. The pipe would take two descriptors from
 *   the program. If the program closes descriptors that it does not know, libunwind would then
 *   write into another file. The replacement needs no pipe: it uses lp_sys_readable().
 * - __tls_get_addr(): a library that is loaded late gets its thread-local variables by malloc(),
 *   under a lock, when a thread first uses them. That may be in a signal handler. libunwind has 16
 *   bytes of them. They are placed in thread-local memory of ours, which exists from the start.
 * - mmap() and munmap(): libunwind's memory is the profiler's.
 */
#define UNW_LOCAL_ONLY
#include <libunwind.h>

#include "record/unwind.h"

#include <dlfcn.h>
#include <errno.h>
#include <gnu/libc-version.h>
#include <limits.h>
#include <link.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/single_threaded.h>
#include <unistd.h>

#include "record/code.h"
#include "record/privatelib.h"
#include "record/rate.h"
#include "sys/clock.h"
#include "record/self.h"
#include "record/stackcache.h"
#include "record/stacks.h"
#include "sys/losses.h"
#include "sys/pages.h"
#include "sys/syscall.h"

enum {
#ifdef __SANITIZE_THREAD__
    CACHE_EARNED_AFTER = INT_MAX, /* TSan has left the thread before the cache is freed */
#else
    CACHE_EARNED_AFTER = 16, /* stacks taken in one thread */
#endif
    PAGE = 4096,
    HOOK_FRAMES = 8,      /* the most frames of ours above the program's */
    RARE_RATE = 16 << 10, /* from here on, samples are too rare to justify the stack cache */
    TLS_BYTES = 64,       /* more than libunwind's thread-local variables take */
    FRAME_BYTES_MAX = 1 << 20,
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
    unw_addr_space_t *local;
} lu;
static _Atomic bool loaded;

static _Atomic uint32_t caches;
static pthread_key_t cache_key; /* its destructor runs at the end of a thread that has a cache */

/* How often code was unloaded. A trace cache keeps what was found at an address until its thread
 * ends, and unw_flush_cache() does not reach it. After other code was loaded there, it would give
 * wrong results. So the cache is not used after an unload, and its thread takes stacks by stepping.
 */
static _Atomic uint32_t unloads;

/* Threads inside libunwind. They are counted on several cache lines, because every sample counts
 * here. */
enum { STRIPES = 16, FORK_PATIENCE_NS = 200000000 };
static struct stripe {
    _Atomic int inside;
    char pad[60];
} stripes[STRIPES];
static _Atomic int closed; /* forks under way; also set in a child with locks held in libunwind */
static bool in_child;      /* written by the only thread of a new child */

/* NULL: libunwind must not be entered. */
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
    /* A thread that ends releases its trace cache under a lock of libunwind's, and fork cannot wait
     * for that lock. Children take stacks by stepping, as new threads do, and never need it. */
    in_child = true;
    /* A thread was inside all the time: this process takes no more stacks. */
    atomic_store(&closed, anybody_inside());
}

/* The functions that libunwind called before its calls were redirected. */
static int (*real_dl_iterate_phdr)(int (*)(struct dl_phdr_info *, size_t, void *), void *);
static int (*real_mincore)(void *, size_t, unsigned char *);
static ssize_t (*real_read)(int, void *, size_t);
static long (*real_syscall)(long, ...);
static int (*real_pipe2)(int[2], int);
static void *(*real_mmap)(void *, size_t, int, int, int, off_t);
static int (*real_munmap)(void *, size_t);

/* The program may use the same library. Its calls are passed on. */
static bool ours(void)
{
    return lp_self.busy;
}

/* libunwind's callback searches each object for the address in the first word of `data`. try_out()
 * checks that when libunwind is loaded. */
static uintptr_t wanted_address;

static int answer_dl_iterate_phdr(int (*visit)(struct dl_phdr_info *, size_t, void *), void *data)
{
    struct dl_phdr_info info;
    if (!ours())
        return real_dl_iterate_phdr(visit, data);
    wanted_address = *(const unw_word_t *)data;
    return lp_code_object(*(const unw_word_t *)data, &info) ? visit(&info, sizeof info, data) : 0;
}

static int answer_mincore(void *address, size_t length, unsigned char *pages)
{
    if (!ours())
        return real_mincore(address, length, pages);
    if (lp_sys_readable(address))
        return 0;
    errno = ENOMEM;
    return -1;
}

/* libunwind reads its pipe to see whether anything is left in it. Nothing is, and there is no
 * error. */
static ssize_t answer_read(int fd, void *buffer, size_t size)
{
    if (!ours())
        return real_read(fd, buffer, size);
    errno = EAGAIN;
    return -1;
}

static ssize_t answer_write(int fd, const void *buffer, size_t size)
{
    (void)fd, (void)size;
    if (lp_sys_readable(buffer))
        return 1;
    errno = EFAULT;
    return -1;
}

/* libunwind writes to its pipe by syscall(). Like libc's function, this passes on six arguments,
 * whatever the caller gave. */
__attribute__((no_sanitize("address"))) static long answer_syscall(long number, ...)
{
    long a[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(list, long);
    va_end(list);
    if (ours() && number == SYS_write)
        return answer_write((int)a[0], (const void *)a[1], (size_t)a[2]);
    return real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static int answer_pipe2(int fds[2], int flags)
{
    if (!ours())
        return real_pipe2(fds, flags);
    errno = EMFILE;
    return -1;
}

static void *answer_mmap(void *where, size_t bytes, int protection, int flags, int fd, off_t offset)
{
    if (!ours())
        return real_mmap(where, bytes, protection, flags, fd, offset);
    long start = lp_syscall(SYS_mmap, where, bytes, protection, flags, fd, offset);
    if (start < 0 && start > -PAGE) {
        errno = (int)-start;
        return MAP_FAILED;
    }
    lp_own_claim((void *)start, bytes);
    return (void *)start;
}

/* Called at the end of a thread too, for its trace cache. */
static int answer_munmap(void *start, size_t bytes)
{
    lp_own_disclaim(start);
    return real_munmap(start, bytes);
}

/* In a new thread it is all zero, like libunwind's own. */
static __thread char unwinder_tls[TLS_BYTES] __attribute__((aligned(16)));

static void *answer_tls_get_addr(const unsigned long index[2]) /* module, offset */
{
    return unwinder_tls + index[1];
}

/* libc, which contains the trampoline of signal handlers. */
static uintptr_t libc_start, libc_end;

/* Why the frames ended. */
enum end {
    END_COMPLETE, /* the outermost frame has no caller */
    END_CUT,      /* the next frame was not found */
    END_FULL,     /* there was no room for more */
    END_UNKNOWN,
};

struct registers {
    uintptr_t ip, sp, bp;
};

/* Goes to the frame above by the frame pointer. false: it is not consistent, or there is none (bp
 * is 0). */
static bool frame_above(struct registers *r)
{
    const uintptr_t *frame = (const uintptr_t *)r->bp;
    if (r->bp < r->sp || r->bp - r->sp > FRAME_BYTES_MAX || r->bp % sizeof(uintptr_t) != 0 ||
        !lp_sys_readable(frame) || !lp_sys_readable(frame + 1))
        return false;
    uintptr_t ip = frame[1];
    if (!lp_code_at(ip - 1) || !lp_sys_readable((const void *)(ip - 7)) || !lp_code_after_call(ip))
        return false;
    *r = (struct registers){.ip = ip, .sp = r->bp + 2 * sizeof(uintptr_t), .bp = frame[0]};
    return true;
}

/* Takes the frames from `base` on, which is a frame of ours: our functions have frame pointers. */
static uint32_t walk_frames(uintptr_t base, uintptr_t *frames, uint32_t max, enum end *end)
{
    struct registers r = {.sp = base, .bp = base};
    uint32_t n = 0;
    *end = END_FULL;
    while (n < max) {
        if (r.bp == 0 || !frame_above(&r)) {
            *end = r.bp == 0 ? END_COMPLETE : END_CUT;
            break;
        }
        frames[n++] = r.ip - 1;
    }
    return n;
}

static bool read_registers(unw_cursor_t *cursor, struct registers *r)
{
    unw_word_t ip = 0, sp = 0, bp = 0;
    if (lu.get_reg(cursor, UNW_REG_IP, &ip) < 0 || lu.get_reg(cursor, UNW_REG_SP, &sp) < 0)
        return false;
    lu.get_reg(cursor, UNW_X86_64_RBP, &bp);
    *r = (struct registers){ip, sp, bp};
    return true;
}

/* Restarts at these registers. The frame's other registers are not known. */
static bool begin_at(unw_cursor_t *cursor, unw_context_t *context, const struct registers *r)
{
    *context = (unw_context_t){0};
    context->uc_mcontext.gregs[REG_RIP] = (greg_t)r->ip;
    context->uc_mcontext.gregs[REG_RSP] = (greg_t)r->sp;
    context->uc_mcontext.gregs[REG_RBP] = (greg_t)r->bp;
    return lu.init_local(cursor, context) >= 0;
}

/* Records what the stack above depends on, for the stack cache: where the return address was, and
 * where the frame pointer was saved. false: it is not known. */
static bool note_words(unw_cursor_t *cursor, const struct registers *r, bool first,
                       unw_save_loc_t *before, struct lp_stackcache_words *words, uintptr_t base)
{
    unw_save_loc_t saved;
    if (lu.get_save_loc(cursor, UNW_X86_64_RBP, &saved) < 0)
        return false;
    if (!first) /* the call pushed it just below where its frame ended */
        lp_stackcache_note(words, base, r->sp - sizeof(uintptr_t));
    if (saved.type == UNW_SLT_MEMORY &&
        (before->type != UNW_SLT_MEMORY || saved.u.addr != before->u.addr))
        lp_stackcache_note(words, base, saved.u.addr);
    *before = saved;
    return true;
}

/* Takes all frames from `cursor` on. `exact`: the first address is not a return address. If `words`
 * is not NULL, it receives the words above `base` that the frames depend on. */
static uint32_t step(unw_cursor_t *cursor, uintptr_t *frames, uint32_t max, bool exact,
                     struct lp_stackcache_words *words, uintptr_t base, enum end *end)
{
    unw_save_loc_t saved = {.type = UNW_SLT_NONE};
    unw_context_t context; /* used by begin_at() */
    struct registers here, last = {0};
    uint32_t n = 0;
    *end = END_FULL;
    while (n < max) {
        bool known = read_registers(cursor, &here);
        if (!known || here.ip == 0) {
            *end = known ? END_COMPLETE : END_CUT;
            break;
        }
        if (n > 0 && !lp_code_at(exact ? here.ip : here.ip - 1)) {
            /* The tables were wrong, or there are none and libunwind guessed. */
            here = last;
            if (exact || !frame_above(&here) || !begin_at(cursor, &context, &here)) {
                *end = here.bp == 0 ? END_COMPLETE : END_CUT;
                break;
            }
            if (words)
                words->n = LP_STACKCACHE_WORDS + 1;
            words = NULL;
        }
        bool sigreturn = lp_code_is_sigreturn(here.ip);
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
            *end = END_COMPLETE;
            break;
        }
        if (exact || !frame_above(&here) || !begin_at(cursor, &context, &here)) {
            *end = END_CUT;
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
                                                         uintptr_t base, enum end *end)
{
    unw_context_t context;
    unw_cursor_t cursor;
    *end = END_CUT;
    if (lu.getcontext(&context) < 0 || lu.init_local(&cursor, &context) < 0)
        return 0;
    return step(&cursor, frames, max, false, words, base, end);
}

/* Outermost addresses of stacks that were complete, found by stepping. unw_backtrace() does not
 * report why it ended. If it ends at one of these, the stack is complete. */
static _Atomic uintptr_t ends[ENDS];

static _Atomic uintptr_t *end_place(uintptr_t address)
{
    return &ends[(address * 0x9e3779b97f4a7c15u >> 40) % ENDS];
}

/* Calls unw_backtrace(), with its cache. false: it may not be used, or the stack may be incomplete.
 */
static bool backtrace_fast(uintptr_t *raw, uint32_t max, uint32_t *n)
{
    uint32_t code = atomic_load_explicit(&unloads, memory_order_relaxed);
    if (lp_self.unwinds < CACHE_EARNED_AFTER || (lp_self.cached ? lp_self.code != code : in_child))
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

/* Takes the raw frames from the caller on, including ours. */
__attribute__((noinline)) static uint32_t backtrace_raw(uintptr_t *raw, uint32_t max,
                                                        struct lp_stackcache_words *words,
                                                        uintptr_t base, enum end *end)
{
    uint32_t n;
    *end = END_COMPLETE;
    if (!atomic_load_explicit(&loaded, memory_order_acquire)) {
#ifndef __SANITIZE_ADDRESS__ /* its runtime calls this before anything can be loaded */
        lp_loss(LP_LOSS_NO_UNWINDER);
#endif
        if (words)
            words->n = LP_STACKCACHE_WORDS + 1;
        return walk_frames(base, raw, max, end);
    }
    if (!words && backtrace_fast(raw, max, &n))
        return n;
    if (!words)
        lp_self.unwinds++;
    n = step_from_here(raw, max, words, base, end);
    if (n > 0 && *end == END_COMPLETE)
        atomic_store_explicit(end_place(raw[n - 1]), raw[n - 1], memory_order_relaxed);
    return n;
}

/* The same, unless libunwind must not be entered. */
static uint32_t backtrace(uintptr_t *raw, struct lp_stackcache_words *words, uintptr_t base,
                          enum end *end)
{
    struct stripe *stripe = enter();
    *end = END_UNKNOWN;
    if (!stripe)
        return 0;
    if (words)
        words->n = 0;
    uint32_t n = backtrace_raw(raw, LP_FRAMES_MAX + HOOK_FRAMES, words, base, end);
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

/* If a stack is not whole, adds the mark that shows why. Without room for it, the mark replaces the
 * outermost frame. */
static uint32_t with_mark(uintptr_t *frames, uint32_t n, enum end end)
{
    if (n > LP_FRAMES_MAX || end == END_FULL) {
        n = n < LP_FRAMES_MAX ? n : LP_FRAMES_MAX - 1;
        frames[n++] = LP_FRAME_DEEPER;
    } else if (end == END_CUT) {
        n = n < LP_FRAMES_MAX ? n : LP_FRAMES_MAX - 1;
        frames[n++] = LP_FRAME_CUT;
    }
    return n;
}

static _Atomic bool may_load_early = true;

void lp_unwind_not_early(void)
{
    atomic_store(&may_load_early, false);
}

/* Is the caller the loader itself? It may be in the middle of a change. */
static bool in_loader(uintptr_t address)
{
    struct dl_find_object object;
    return _dl_find_object((void *)address, &object) == 0 &&
           strstr(object.dlfo_link_map->l_name, "/ld-linux");
}

/* Loads libunwind before main if that is safe. false: the loader itself is at work, before the
 * program. */
static bool load_early(void *caller)
{
    bool loader = in_loader((uintptr_t)caller);
    if (!environ) /* libc is not initialized */
        return !loader;
    if (atomic_load_explicit(&may_load_early, memory_order_relaxed) && __libc_single_threaded &&
        !loader && atomic_exchange(&may_load_early, false))
        lp_unwind_load();
    return true;
}

/* `base` is a frame of ours below the caller's. `often`: look in the stack cache. */
__attribute__((always_inline)) static inline uint32_t stack_of(void *caller, uintptr_t base,
                                                               bool often)
{
    uintptr_t raw[LP_FRAMES_MAX + HOOK_FRAMES], leaf[2] = {(uintptr_t)caller - 1, LP_FRAME_CUT};
    bool wanted = false;
    enum end end;
    uint32_t stack = often ? lp_stackcache_find(base, (uintptr_t)caller, &wanted) : LP_STACK_NONE;
    if (stack != LP_STACK_NONE)
        return stack;
    if (!atomic_load_explicit(&loaded, memory_order_relaxed) && !load_early(caller))
        return LP_STACK_EARLIER;

    struct lp_stackcache_words words;
    words.n = 0;
    struct lp_stackcache_words *note = wanted ? &words : NULL;
    uint32_t n = backtrace(raw, note, base, &end);
    bool taken = n > 0; /* otherwise it was already counted as a loss */
    uintptr_t *frames = without_ours(raw, &n, (uintptr_t)caller);
    n = without_hidden(frames, n);
    if (n <= 1) {
        if (taken && atomic_load_explicit(&loaded, memory_order_relaxed))
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

static uint32_t step_context(uintptr_t *frames, uint32_t max, void *ucontext, enum end *end)
{
    unw_cursor_t cursor;
    if (lu.init_local2(&cursor, ucontext, UNW_INIT_SIGNAL_FRAME) < 0)
        return 0;
    return step(&cursor, frames, max, true, NULL, 0, end);
}

static uint32_t unwind_context(uintptr_t *frames, uint32_t max, void *ucontext)
{
    struct stripe *stripe = enter();
    if (!stripe)
        return 0;
    uint32_t n = 0;
    enum end end = END_UNKNOWN;
    if (atomic_load_explicit(&loaded, memory_order_acquire))
        n = step_context(frames, max, ucontext, &end);
    else
        lp_loss(LP_LOSS_NO_UNWINDER);
    leave(stripe);
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

void lp_unwind_forget(void)
{
    atomic_fetch_add(&unloads, 1);
    for (int i = 0; i < ENDS; i++)
        atomic_store_explicit(&ends[i], 0, memory_order_relaxed);
    if (atomic_load(&loaded))
        lu.flush_cache(*lu.local, 0, 0);
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
    enum end end;
    wanted_address = 0;
    return step_from_here(frames, LP_FRAMES_MAX, NULL, 0, &end) > 1 && lp_code_at(wanted_address);
}

bool lp_unwind_load(void)
{
    static const struct lp_answer answers[] = {
        {"dl_iterate_phdr", answer_dl_iterate_phdr, (void **)&real_dl_iterate_phdr},
        {"mincore", answer_mincore, (void **)&real_mincore},
        {"read", answer_read, (void **)&real_read},
        {"write", answer_write, NULL},
        {"syscall", answer_syscall, (void **)&real_syscall},
        {"pipe2", answer_pipe2, (void **)&real_pipe2},
        {"mmap", answer_mmap, (void **)&real_mmap},
        {"munmap", answer_munmap, (void **)&real_munmap},
        {"__tls_get_addr", answer_tls_get_addr, NULL},
    };
    if (atomic_load(&loaded))
        return true;
    int previous = lp_own_enter();
    void *library = lp_privatelib_load("libunwind.so.8", answers, sizeof answers / sizeof *answers);
    bool found =
        library && find_functions(library) && pthread_key_create(&cache_key, forget_cache) == 0;
    lp_own_leave(previous);
    if (!found)
        return false;
    struct dl_find_object libc;
    if (_dl_find_object((void *)gnu_get_libc_version, &libc) == 0) {
        libc_start = (uintptr_t)libc.dlfo_map_start;
        libc_end = (uintptr_t)libc.dlfo_map_end;
    }
    bool busy = lp_self.busy;
    lp_self.busy = true;
    lu.set_caching_policy(*lu.local, UNW_CACHE_PER_THREAD);
    if (try_out())
        atomic_store_explicit(&loaded, true, memory_order_release);
    lp_self.busy = busy;
    return atomic_load(&loaded);
}

uint32_t lp_unwind_caches(void)
{
    return atomic_load_explicit(&caches, memory_order_relaxed);
}
