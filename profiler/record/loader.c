#include "record/loader.h"

#include <stdatomic.h>

#include "sys/lock.h"

enum { FORK_PATIENCE_MS = 200 };

static struct lp_lock inside; /* held by the profiler's thread that is inside the loader */

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
    if (child)
        atomic_store(&inside.state, 0);
    else if (held)
        lp_unlock(&inside);
}
