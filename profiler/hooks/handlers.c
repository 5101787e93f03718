/*
 * The kernel puts a frame on the stack for each handler. It begins with the address to return to:
 * the function that libc passed to sigaction() for that (sa_restorer). The registers of the
 * interrupted code follow. A frame that is left over from an earlier handler looks the same. It is
 * unlikely to have interrupted a wait, so the answer is then false.
 */
#include "hooks/handlers.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>

#include "record/findobject.h"
#include "sys/pages.h"
#include "sys/readable.h"
#include "sys/syscall.h"
#include "sys/valgrind.h"

extern void __cxa_finalize(void *object); /* a reserved name, which only libc defines */

enum { STACK_MAX = 16 << 20, RESTORERS_MAX = 4, SIGNALS = 64 };

struct restorers {
    uintptr_t at[RESTORERS_MAX];
    int n;
};

static bool is_among(uintptr_t word, const struct restorers *restorers)
{
    for (int i = 0; i < restorers->n; i++)
        if (word == restorers->at[i])
            return true;
    return false;
}

static void find_restorers(struct restorers *found)
{
    struct {
        void *handler;
        unsigned long flags;
        uintptr_t restorer;
        uint64_t mask;
    } action = {0};
    found->n = 0;
    for (int signal = 1; signal <= SIGNALS && found->n < RESTORERS_MAX; signal++)
        if (lp_syscall(SYS_rt_sigaction, signal, NULL, &action, LP_SIGSET_BYTES) == 0 &&
            action.restorer && !is_among(action.restorer, found))
            found->at[found->n++] = action.restorer;
}

/* Calls that wait, or let signals in, and that neither malloc() nor the loader makes. */
static bool waits(long call)
{
    static const short calls[] = {
        SYS_select,        SYS_pselect6,        SYS_poll,      SYS_ppoll,           SYS_epoll_wait,
        SYS_epoll_pwait,   LP_SYS_epoll_pwait2, SYS_accept,    SYS_accept4,         SYS_pause,
        SYS_rt_sigsuspend, SYS_rt_sigtimedwait, SYS_nanosleep, SYS_clock_nanosleep, SYS_wait4,
        SYS_waitid,        SYS_rt_sigprocmask};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (call == calls[i])
            return true;
    return false;
}

/* Was the interrupted code in such a call? The call's number is in the instruction before it, if
 * the code is like libc's, or in its register if the kernel has set the code back to restart it. */
static bool in_wait(const ucontext_t *context)
{
    enum { MOV_EAX = 0xb8, MOV_BYTES = 5, CALL_BYTES = 2 };
    const unsigned char syscall[CALL_BYTES] = {0x0f, 0x05};
    const greg_t *registers = context->uc_mcontext.gregs;
    const unsigned char *next = (const unsigned char *)registers[REG_RIP];
    const unsigned char *load = next - CALL_BYTES - MOV_BYTES;
    int32_t number;
    if (!lp_sys_readable(load) || !lp_sys_readable(next))
        return false;
    if (memcmp(next, syscall, sizeof syscall) == 0)
        return waits((long)registers[REG_RAX]);
    if (memcmp(next - CALL_BYTES, syscall, sizeof syscall) != 0 || load[0] != MOV_EAX)
        return false;
    memcpy(&number, load + 1, sizeof number);
    return waits(number);
}

static bool outside_libc(const ucontext_t *context)
{
    struct lp_found interrupted, libc;
    void *at = (void *)context->uc_mcontext.gregs[REG_RIP], *known = (void *)__cxa_finalize;
    return in_wait(context) || !lp_find_object(at, &interrupted) ||
           (lp_find_object(known, &libc) && interrupted.map != libc.map);
}

/* Is the word there the first one of a frame? Words with the same value are found elsewhere too,
 * for example among saved vector registers. The kernel fills these members in every frame. */
static bool is_frame(uintptr_t at)
{
    enum { FLAGS_MAX = 7, USER_CODE = 0x33, FLOATS_AWAY_MAX = 64 << 10 };
    const ucontext_t *context = (const ucontext_t *)(at + sizeof at);
    if (!lp_sys_readable((const char *)(&context->uc_mcontext + 1) - sizeof at))
        return false;
    uintptr_t floats = (uintptr_t)context->uc_mcontext.fpregs;
    return context->uc_flags <= FLAGS_MAX && !context->uc_link &&
           (context->uc_mcontext.gregs[REG_CSGSFS] & 0xffff) == USER_CODE &&
           (floats == 0 || floats - at < FLOATS_AWAY_MAX);
}

/* Looks at the words of the stack, upwards. A thread's own block lies above its stack, except that
 * of the first thread. */
__attribute__((no_sanitize("address"))) static bool
each_has_interrupted(bool (*harmless)(const ucontext_t *context))
{
    struct restorers restorers;
    stack_t alternate = {0};
    if (lp_syscall(SYS_sigaltstack, NULL, &alternate) == 0 && (alternate.ss_flags & SS_ONSTACK))
        return false;
    find_restorers(&restorers);
    uintptr_t at = (uintptr_t)__builtin_frame_address(0), self = (uintptr_t)pthread_self();
    uintptr_t end = self > at && self - at < STACK_MAX ? self : at + STACK_MAX;
    for (bool readable = restorers.n > 0; readable && at < end; at += sizeof at) {
        if (is_among(*(const volatile uintptr_t *)at, &restorers) && is_frame(at) &&
            !harmless((const ucontext_t *)(at + sizeof at)))
            return false;
        if ((at + sizeof at) % LP_PAGE == 0)
            readable = lp_sys_readable((const void *)(at + sizeof at));
    }
    return true;
}

static bool each_is(bool (*harmless)(const ucontext_t *context))
{
    lp_sys_valgrind_silence();
    bool is = each_has_interrupted(harmless);
    lp_sys_valgrind_report();
    return is;
}

bool lp_handlers_safe(void)
{
    return each_is(in_wait);
}

bool lp_handlers_outside_libc(void)
{
    return each_is(outside_libc);
}
