#include "record/loader.h"

#include <dlfcn.h>
#include <link.h>
#include <stdatomic.h>

#include "sys/lock.h"

enum { FORK_PATIENCE_MS = 200 };

static struct lp_lock inside; /* held by the profiler's thread that is inside the loader */

/* Weak, so that libc is the only library that this one needs. */
#pragma weak _r_debug

static bool broken;

bool lp_loader_is_broken(void)
{
    return broken;
}

void *lp_loader_open(const char *name, int flags)
{
    return broken ? NULL : dlopen(name, flags);
}

void lp_loader_enter(void)
{
    lp_lock(&inside);
}

bool lp_loader_try_enter(void)
{
    return lp_trylock(&inside);
}

static bool enter_within(int patience_ms)
{
    bool held = lp_trylock(&inside);
    for (int ms = 0; !held && ms < patience_ms; ms++)
        held = lp_lock_soon(&inside);
    return held;
}

bool lp_loader_enter_soon(void)
{
    return enter_within(LP_LOADER_PATIENCE_MS);
}

void lp_loader_leave(void)
{
    lp_unlock(&inside);
}

bool lp_loader_before_fork(bool above_holder)
{
    return enter_within(above_holder ? 0 : FORK_PATIENCE_MS);
}

void lp_loader_after_fork(bool held, bool child)
{
    if (child) {
        atomic_store(&inside.state, 0);
        broken |= &_r_debug && _r_debug.r_state != RT_CONSISTENT;
    } else if (held)
        lp_unlock(&inside);
}
