/*
 * The calls that end the process without its destructors. exit() ends with libc's own _exit(),
 * which does not pass this hook. For the preloaded library only.
 */
#include "hooks/exit.h"

#include <stdlib.h>
#include <unistd.h>

#include "hooks/hook.h"

static void (*at_exit)(void);

void lp_hooks_at_exit(void (*function)(void))
{
    at_exit = function;
}

/* The child of a vfork() ends without effect on its parent. */
static void ends(void)
{
    if (at_exit && lp_hooks_process())
        at_exit();
}

#define EXITS(name)                                                                                \
    LP_FIND(name)                                                                                  \
    LP_HOOK void name(int status)                                                                  \
    {                                                                                              \
        ends();                                                                                    \
        LP_REAL(name)(status);                                                                     \
        __builtin_unreachable();                                                                   \
    }
EXITS(_exit)
EXITS(_Exit)
EXITS(quick_exit)
