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
#include <ucontext.h>

#include "hooks/in_wait.h"
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

__attribute__((no_sanitize("address"))) static bool outside_libc(const ucontext_t *context)
{
    struct lp_found interrupted, libc;
    void *at = (void *)context->uc_mcontext.gregs[REG_RIP], *known = (void *)__cxa_finalize;
    return lp_in_wait(context) || !lp_find_object(at, &interrupted) ||
           (lp_find_object(known, &libc) && interrupted.map != libc.map);
}

/* Is the word there the first one of a frame? Words with the same value are found elsewhere too,
 * for example among saved vector registers. The kernel fills these members in every frame. */
__attribute__((no_sanitize("address"))) static bool is_frame(uintptr_t at)
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
    return each_is(lp_in_wait);
}

bool lp_handlers_outside_libc(void)
{
    return each_is(outside_libc);
}
