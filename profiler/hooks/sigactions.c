/*
 * Where the program has the default action for a signal of record/crash.h, the handler there stands
 * in its place, and the program is shown SIG_DFL. Everything else is passed on unchanged, and so is
 * all if that option is off.
 *
 * No state is kept: the kernel knows which of the two is installed. So these hooks may be called in
 * a signal handler and in the child of a vfork.
 */
#include <signal.h>

#include "hooks/hook.h"
#include "record/crash.h"

typedef void handler(int signal);

static void show(struct sigaction *action)
{
    if (lp_crash_is_ours(action))
        *action = (struct sigaction){.sa_handler = SIG_DFL};
}

LP_FIND(sigaction)
LP_HOOK int sigaction(int signal, const struct sigaction *restrict action,
                      struct sigaction *restrict old)
{
    const struct sigaction *ours = NULL;
    if (action && action->sa_handler == SIG_DFL)
        ours = lp_crash_in_place_of_default(signal);
    int result = LP_REAL(sigaction)(signal, ours ? ours : action, old);
    if (result == 0 && old)
        show(old);
    return result;
}

/* What signal() and its relatives return. */
static handler *shown(handler *before)
{
    struct sigaction action = {.sa_handler = before};
    return lp_crash_is_ours(&action) ? SIG_DFL : before;
}

static handler *set(int signal, handler *next, handler *(*libc)(int signal, handler *next))
{
    const struct sigaction *ours = next == SIG_DFL ? lp_crash_in_place_of_default(signal) : NULL;
    struct sigaction before;
    if (!ours)
        return shown(libc(signal, next));
    return LP_REAL(sigaction)(signal, ours, &before) == 0 ? shown(before.sa_handler) : SIG_ERR;
}

#define SETS(name)                                                                                 \
    LP_FIND(name) LP_HOOK handler *name(int number, handler *next)                                 \
    {                                                                                              \
        return set(number, next, LP_REAL(name));                                                   \
    }

extern handler *bsd_signal(int signal, handler *next);
extern handler *ssignal(int signal, handler *next);
extern handler *sysv_signal(int signal, handler *next);
extern handler *__sysv_signal(int signal, handler *next);

SETS(signal)
SETS(bsd_signal)
SETS(ssignal)
SETS(sysv_signal)
SETS(__sysv_signal)

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

/* It unblocks the signal, too. */
LP_FIND(sigset)
LP_HOOK handler *sigset(int signal, handler *next)
{
    handler *before = LP_REAL(sigset)(signal, next);
    if (next == SIG_DFL)
        lp_crash_stand_in(signal);
    return shown(before);
}
