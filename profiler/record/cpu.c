/*
 * The signal is a real-time one that the program does not use, chosen for each window. SIGPROF is
 * not used, because the program's own profiler may use it. Before the default action is restored,
 * no instance of the signal may be pending in any thread: it would end the process. Ignoring a
 * signal makes the kernel discard it wherever it is pending, so the signal is ignored first.
 *
 * The handler counts in a table with one row per stack number. So nothing must be drained, and
 * nothing overflows while the profiler's thread is busy. It takes a stack by stepping, which costs
 * 10 us: 0.1 % at 100 Hz and 1 % at 1000. The faster way would leave 256 KiB in each thread that
 * was ever sampled.
 */
#include "record/cpu.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "sys/action.h"
#include "sys/altstack.h"
#include "record/code.h"
#include "record/cputimers.h"
#include "record/interrupted.h"
#include "sys/clock.h"
#include "record/self.h"
#include "record/unwind.h"
#include "sys/keep_errno.h"
#include "sys/losses.h"
#include "sys/pages.h"
#include "sys/slab.h"
#include "record/stacks.h"

enum {
    SLOTS_PER_CPU = 4, /* handlers that were preempted half way hold one, too */
    SLOTS_MAX = 64,
    LOOK_MS_MIN = 20,
    LOOK_MS_MAX = 500,
    LOOK_MS_TOLD = 100, /* if threads report their own start */
    LOOK_SHARE = 100,   /* looking takes at most 1/LOOK_SHARE of a core */
    HELD_NS = 50000000, /* more CPU time than this between samples: the signal was blocked */
    LEAVE_MS = 50,      /* the time that handlers get to finish */
};

/* Where a handler works. Bit i of slots_taken: slot i is in use. */
struct slot {
    uintptr_t frames[LP_FRAMES_MAX];
    uint32_t weight; /* the weight of the sample */
    char stack[LP_ALTSTACK_BYTES] __attribute__((aligned(16)));
};

struct tally {
    _Atomic uint32_t count;
    _Atomic uint64_t squares;
};

static _Atomic int window; /* the number of the open window; 0: none */
static int last_window;
static _Atomic int inside; /* handlers at work */
static struct slot *slots; /* mapped while a window is open */
static int nslots;
static _Atomic uint64_t slots_taken;
LP_SLAB(tallies, sizeof(struct tally), 10, LP_OWN_CPU);

static int signal_number;
static struct sigaction before; /* the program's action for the signal */
static bool is_open;            /* a window was begun and not ended, even if it was cut short */
static int64_t period_ns, began_ns, program_began_ns;
static uint32_t heaviest; /* the most periods that one sample may stand for */
static _Atomic uint64_t samples, held;
static struct lp_cpu_figures found; /* the result of the window that was finished */
static atomic_bool told;            /* threads report their own start */

static void count(uint32_t stack, uint32_t weight)
{
    uint32_t counted = weight < heaviest ? weight : heaviest;
    if (!lp_slab_segment(&tallies, stack)) {
        lp_loss(LP_LOSS_CPU_SAMPLES);
        return;
    }
    struct tally *tally = lp_slab_at(&tallies, stack);
    atomic_fetch_add_explicit(&tally->count, counted, memory_order_relaxed);
    atomic_fetch_add_explicit(&tally->squares, (uint64_t)counted * counted, memory_order_relaxed);
    atomic_fetch_add_explicit(&samples, counted, memory_order_relaxed);
    atomic_fetch_add_explicit(&held, weight - counted, memory_order_relaxed);
}

static struct slot *take_slot(void)
{
    for (int i = 0; i < nslots; i++)
        if (!(atomic_fetch_or(&slots_taken, UINT64_C(1) << i) >> i & 1))
            return &slots[i];
    return NULL;
}

static void leave_slot(const struct slot *slot)
{
    atomic_fetch_and(&slots_taken, ~(UINT64_C(1) << (slot - slots)));
}

/* The address alone where there is no stack to be had: above a frame of the profiler's own (what it
 * costs shows under its own functions), during a fork, or in code that does not unwind. */
static uint32_t stack_of(struct slot *slot, ucontext_t *context)
{
    int n = lp_stack_interrupted(slot->frames, LP_FRAMES_MAX, context);
    if (n <= 1) {
        lp_loss(LP_LOSS_CPU_NO_STACK);
        slot->frames[0] = (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
        n = 1;
    }
    return lp_stack_intern(slot->frames, (uint32_t)n);
}

static void work_at(void *slot, void *context)
{
    count(stack_of(slot, context), ((struct slot *)slot)->weight);
}

static void on_sample(int number, siginfo_t *info, void *context)
{
    (void)number;
    LP_KEEP_ERRNO;
    if (info->si_code != SI_TIMER)
        return; /* the program's own, and it sees what that interrupts */
    atomic_fetch_add(&inside, 1);
    if (info->si_value.sival_int == atomic_load(&window)) {
        struct slot *slot = take_slot();
        if (slot) {
            slot->weight = 1 + (uint32_t)info->si_overrun;
            lp_call_on_stack(slot->stack + sizeof slot->stack, work_at, slot, context);
            leave_slot(slot);
        } else {
            lp_loss(LP_LOSS_CPU_SAMPLES);
        }
    }
    atomic_fetch_sub(&inside, 1);
    lp_interrupted(context);
}

/* Searches from the highest signal down, as inspect/interrupt.c does. Each of the two skips the
 * other's signal. */
static int install(void)
{
    struct sigaction action = {.sa_sigaction = on_sample,
                               .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};
    sigfillset(&action.sa_mask);
    for (signal_number = SIGRTMAX - 1; signal_number > SIGRTMIN; signal_number--) {
        if (lp_sys_action(signal_number, NULL, &before) != 0 || before.sa_handler != SIG_DFL)
            continue;
        if (lp_sys_action(signal_number, &action, NULL) != 0)
            return -errno;
        lp_own_signal_begin(signal_number);
        return 0;
    }
    return -EBUSY;
}

static bool installed(void)
{
    struct sigaction now;
    return lp_sys_action(signal_number, NULL, &now) == 0 && (now.sa_flags & SA_SIGINFO) &&
           now.sa_sigaction == on_sample;
}

static void uninstall(void)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    lp_own_signal_end(signal_number);
    if (!installed())
        return;
    lp_sys_action(signal_number, &ignore, NULL);
    lp_sys_action(signal_number, &before, NULL);
}

static int64_t program_cpu_ns(void)
{
    return lp_clock_ns(CLOCK_PROCESS_CPUTIME_ID) - lp_own_threads_cpu_ns();
}

static int slots_wanted(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN) * SLOTS_PER_CPU;
    return n < 8 ? 8 : n > SLOTS_MAX ? SLOTS_MAX : (int)n;
}

static void each_tally(void (*visit)(uint32_t stack, struct tally *tally, void *arg), void *arg)
{
    uint32_t n = LP_STACK_FIRST + lp_stack_count();
    for (uint32_t stack = 0; stack < n; stack++) {
        struct tally *tally = lp_slab_at(&tallies, stack);
        if (!tally)
            stack |= (1u << tallies.shift) - 1;
        else if (tally->count)
            visit(stack, tally, arg);
    }
}

static void clear(uint32_t stack, struct tally *tally, void *arg)
{
    (void)stack, (void)arg;
    tally->count = 0;
    tally->squares = 0;
}

/* No handler enters once `window` is 0. If one does not leave in time, the slots stay mapped. */
static void leave_all(void)
{
    int64_t until = lp_now_ns() + LEAVE_MS * INT64_C(1000000);
    while (atomic_load(&inside) && lp_now_ns() < until)
        sched_yield();
    if (atomic_load(&inside) || !slots)
        return;
    lp_own_unmap(slots, (size_t)nslots * sizeof *slots, LP_OWN_CPU);
    slots = NULL;
}

/* Ends the window. Only its result is left. */
static void finish(void)
{
    lp_cputimers_end();
    found.duration_ns = lp_now_ns() - began_ns;
    found.program_ns = program_cpu_ns() - program_began_ns;
    if (found.program_ns < 0) /* our thread runs on between the two readings of each */
        found.program_ns = 0;
    uninstall();
    atomic_store(&window, 0);
    leave_all();

    struct lp_cputimers_figures timers;
    lp_cputimers_read(&timers);
    found.taken = true;
    found.sampled_ns = (int64_t)atomic_load(&samples) * period_ns;
    found.held_ns = (int64_t)atomic_load(&held) * period_ns;
    found.threads = timers.threads;
    found.born = timers.born;
    found.unsampled = timers.unsampled;
    found.late_ns = timers.late_ns;
}

static int get_ready(void)
{
    nslots = slots ? nslots : slots_wanted();
    if (!slots && !(slots = lp_own_map((size_t)nslots * sizeof *slots, LP_OWN_CPU)))
        return -ENOMEM;
    each_tally(clear, NULL);
    samples = held = 0;
    found = (struct lp_cpu_figures){0};
    lp_code_refresh();
    return install();
}

int lp_cpu_begin(int hz)
{
    if (is_open)
        return -EALREADY;
    period_ns = 1000000000 / hz;
    heaviest = 2 + (uint32_t)(HELD_NS / period_ns);
    int error = get_ready();
    if (error) {
        leave_all();
        return error;
    }
    began_ns = lp_now_ns();
    program_began_ns = program_cpu_ns();
    last_window = last_window < INT32_MAX ? last_window + 1 : 1;
    atomic_store(&window, last_window);
    error = lp_cputimers_begin(&(struct lp_cputimers){signal_number, last_window, period_ns});
    if (error)
        finish();
    is_open = !error;
    return error;
}

/* Ends the window if the program has changed the signal's action: with the default action, the next
 * signal would end the program. */
static void take_care(void)
{
    if (installed())
        return;
    finish();
    found.cut_short = true;
}

static int64_t used_ns(void)
{
    return lp_clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

int lp_cpu_look(void)
{
    if (!is_open || found.taken)
        return LOOK_MS_MAX;
    take_care();
    if (found.taken)
        return LOOK_MS_MAX;
    int64_t before_ns = used_ns();
    if (lp_code_stale())
        lp_code_refresh(); /* until this, stacks through generated code end too early */
    lp_cputimers_look();
    int64_t ms = (used_ns() - before_ns) * LOOK_SHARE / 1000000;
    int least = atomic_load(&told) ? LOOK_MS_TOLD : LOOK_MS_MIN;
    return ms < least ? least : ms > LOOK_MS_MAX ? LOOK_MS_MAX : (int)ms;
}

void lp_cpu_end(struct lp_cpu_figures *figures)
{
    if (!found.taken)
        finish();
    is_open = false;
    *figures = found;
}

struct visiting {
    void (*visit)(uint32_t stack, int64_t count, int64_t squares, void *arg);
    void *arg;
};

static void visit_one(uint32_t stack, struct tally *tally, void *arg)
{
    const struct visiting *visiting = arg;
    visiting->visit(stack, tally->count, (int64_t)tally->squares, visiting->arg);
}

void lp_cpu_each(void (*visit)(uint32_t stack, int64_t count, int64_t squares, void *arg),
                 void *arg)
{
    each_tally(visit_one, &(struct visiting){visit, arg});
}

void lp_cpu_thread_begins(void)
{
    atomic_store_explicit(&told, true, memory_order_relaxed);
    if (atomic_load(&window))
        lp_cputimers_thread_begins();
}

void lp_cpu_thread_ends(void)
{
    if (atomic_load(&window))
        lp_cputimers_thread_ends();
}

void lp_cpu_forked(void)
{
    if (!is_open)
        return;
    is_open = false;
    atomic_store(&window, 0);
    lp_cputimers_forked();
    uninstall();
    atomic_store(&inside, 0);
    atomic_store(&slots_taken, 0);
    leave_all();
}
