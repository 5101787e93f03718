/*
 * The handler blocks all signals. It works on a stack of its own, because it may run on a small
 * signal stack of the program's. It allocates nothing, and waits for bounded times only.
 *
 * The action is restored after the line is written. If another thread fails meanwhile, it comes
 * here too, and waits: otherwise its signal would end the process in the middle of the line.
 */
#include "record/crash.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "record/crashline.h"
#include "sys/action.h"
#include "sys/altstack.h"
#include "sys/keep_errno.h"
#include "sys/pages.h"
#include "sys/syscall.h"

enum { TURN_MS = 1000 /* the longest wait for another thread's line */ };

static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
enum { SIGNALS = sizeof signals / sizeof *signals };

static atomic_bool on;
static _Atomic int snapshot;
static _Atomic uint32_t taken, written; /* by the thread that writes the line */
static LP_APART char stack[LP_ALTSTACK_BYTES];

struct kernel_action {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
};

/* Does the fault come again if its instruction is executed again? Not if another process or this
 * one has sent the signal, or if the processor has reported it late. */
static bool comes_again(const siginfo_t *info)
{
    return info->si_code > 0 && info->si_signo != SIGABRT &&
           !(info->si_signo == SIGBUS && info->si_code == BUS_MCEERR_AO);
}

static void let_end(int signal, siginfo_t *info)
{
    struct kernel_action standard = {0};
    long process = lp_syscall(SYS_getpid), thread = lp_gettid();
    lp_syscall(SYS_rt_sigaction, signal, &standard, NULL, LP_SIGSET_BYTES);
    if (!comes_again(info) && lp_syscall(SYS_rt_tgsigqueueinfo, process, thread, signal, info) != 0)
        lp_syscall(SYS_tgkill, process, thread, signal);
}

static void write_line(void *info, void *context)
{
    lp_crash_write_line(info, context, atomic_load(&snapshot));
}

static void await_line(void)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    for (int ms = 0; ms < TURN_MS && !atomic_load(&written); ms++)
        lp_syscall(SYS_nanosleep, &moment, NULL);
}

static void on_crash(int signal, siginfo_t *info, void *context)
{
    LP_KEEP_ERRNO;
    if (atomic_exchange(&taken, 1) == 0) {
        lp_call_on_stack(stack + sizeof stack, write_line, info, context);
        atomic_store(&written, 1);
    } else {
        await_line();
    }
    let_end(signal, info);
}

/* All signals are blocked in the handler. */
static const struct sigaction ours = {.sa_sigaction = on_crash,
                                      .sa_flags = SA_SIGINFO | SA_ONSTACK,
                                      .sa_mask.__val = {[0 ... _SIGSET_NWORDS - 1] = ~0UL}};

static bool is_one(int signal)
{
    for (int i = 0; i < SIGNALS; i++)
        if (signals[i] == signal)
            return true;
    return false;
}

bool lp_crash_is_ours(const struct sigaction *action)
{
    return action->sa_sigaction == on_crash;
}

const struct sigaction *lp_crash_in_place_of_default(int signal)
{
    return atomic_load_explicit(&on, memory_order_relaxed) && is_one(signal) ? &ours : NULL;
}

/* Replaces one of the two by the other, and nothing else: another thread of the program may install
 * a handler at the same time. */
static void replace(int signal, bool begin)
{
    const struct sigaction standard = {.sa_handler = SIG_DFL}, *next = begin ? &ours : &standard;
    struct sigaction now;
    if (lp_sys_action(signal, NULL, &now) != 0 ||
        (begin ? now.sa_handler != SIG_DFL : !lp_crash_is_ours(&now)))
        return;
    if (lp_sys_action(signal, next, &now) == 0 && now.sa_handler != SIG_DFL &&
        !lp_crash_is_ours(&now))
        lp_sys_action(signal, &now, NULL);
}

void lp_crash_stand_in(int signal)
{
    LP_KEEP_ERRNO;
    if (lp_crash_in_place_of_default(signal))
        replace(signal, true);
}

void lp_crash_prepare(void)
{
    lp_crash_note_stderr();
}

void lp_crash_begin(void)
{
    atomic_store(&on, true);
    for (int i = 0; i < SIGNALS; i++)
        lp_crash_stand_in(signals[i]);
}

void lp_crash_end(void)
{
    if (atomic_exchange(&on, false))
        for (int i = 0; i < SIGNALS; i++)
            replace(signals[i], false);
}

void lp_crash_snapshot(int id)
{
    atomic_store(&snapshot, id);
}
