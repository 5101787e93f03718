/*
 * How a handler tells whose EINTR it is. A handler of the program's that has already got its frame
 * is what our handler interrupts: not the instruction after a system call. A signal of the
 * program's that came later is still pending, because our handlers block all signals.
 */
#include "record/interrupted.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <ucontext.h>

#include "sys/clock.h"
#include "sys/pages.h"
#include "sys/syscall.h"

__thread uintptr_t lp_interrupted_at;
_Atomic uint64_t lp_own_signals;

static uint64_t bit(int signal)
{
    return UINT64_C(1) << (signal - 1);
}

void lp_own_signal_begin(int signal)
{
    atomic_fetch_or(&lp_own_signals, bit(signal));
}

void lp_own_signal_end(int signal)
{
    atomic_fetch_and(&lp_own_signals, ~bit(signal));
}

/* Has the system call ended early: with EINTR, or with a part of its bytes moved? */
static bool ended_early(const greg_t *registers)
{
    static const unsigned char syscall[] = {0x0f, 0x05};
    const unsigned char *next = (const unsigned char *)registers[REG_RIP];
    bool here = ((uintptr_t)next & (LP_PAGE - 1)) >= sizeof syscall; /* else it may be unmapped */
    return here && (registers[REG_RAX] == -EINTR || registers[REG_RAX] > 0) &&
           memcmp(next - sizeof syscall, syscall, sizeof syscall) == 0;
}

static bool handled(int signal)
{
    struct {
        void (*handler)(int);
        unsigned long flags;
        void (*restorer)(void);
        uint64_t mask;
    } action = {0};
    return lp_syscall(SYS_rt_sigaction, signal, NULL, &action, LP_SIGSET_BYTES) == 0 &&
           action.handler != SIG_DFL && action.handler != SIG_IGN;
}

/* Will a handler of the program's run as soon as ours returns? */
static bool handlers_due(uint64_t blocked)
{
    uint64_t due = 0;
    lp_syscall(SYS_rt_sigpending, &due, LP_SIGSET_BYTES);
    due &= ~blocked & ~atomic_load(&lp_own_signals);
    for (; due; due &= due - 1)
        if (handled(1 + __builtin_ctzll(due)))
            return true;
    return false;
}

void lp_interrupted(const void *context)
{
    const ucontext_t *ucontext = context;
    const greg_t *registers = ucontext->uc_mcontext.gregs;
    uint64_t blocked;
    memcpy(&blocked, &ucontext->uc_sigmask, sizeof blocked);
    if (ended_early(registers))
        lp_interrupted_at = handlers_due(blocked) ? 0 : (uintptr_t)registers[REG_RSP];
}

static _Atomic int execs, sendings;

void lp_exec_begin(void)
{
    const struct timespec moment = {.tv_nsec = 100000};
    int64_t until = lp_now_ns() + LP_EXEC_WAIT_MS * INT64_C(1000000);
    atomic_fetch_add(&execs, 1);
    while (atomic_load(&sendings) && lp_now_ns() < until)
        lp_syscall(SYS_nanosleep, &moment, NULL);
}

void lp_exec_end(void)
{
    atomic_fetch_sub(&execs, 1);
}

void lp_exec_forked(void)
{
    atomic_store(&execs, 0);
    atomic_store(&sendings, 0);
}

bool lp_sending_begin(void)
{
    atomic_fetch_add(&sendings, 1);
    if (atomic_load(&execs) == 0)
        return true;
    lp_sending_end();
    return false;
}

void lp_sending_end(void)
{
    atomic_fetch_sub(&sendings, 1);
}
