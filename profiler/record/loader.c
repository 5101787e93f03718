#include "record/loader.h"

#include <stdatomic.h>

#include "record/self.h"
#include "sys/lock.h"

enum { FORK_PATIENCE_MS = 200 };

static struct lp_lock inside; /* held by the thread of ours that is inside the loader */
static _Atomic bool doubtful; /* in a child: the loader's lock may be held by nobody, for ever */

void lp_loader_enter(void)
{
    lp_lock(&inside);
}

void lp_loader_leave(void)
{
    lp_unlock(&inside);
}

int lp_loader_walk(lp_object_visit *visit, void *arg)
{
    if (!lp_self.own)
        return dl_iterate_phdr(visit, arg);
    lp_loader_enter();
    int result = dl_iterate_phdr(visit, arg);
    lp_loader_leave();
    atomic_store(&doubtful, false); /* it came back */
    return result;
}

bool lp_loader_doubtful(void)
{
    return atomic_load(&doubtful);
}

bool lp_loader_before_fork(bool above_holder)
{
    bool held = lp_trylock(&inside);
    for (int ms = 0; !held && !above_holder && ms < FORK_PATIENCE_MS; ms++)
        held = lp_lock_soon(&inside);
    return held;
}

void lp_loader_after_fork(bool held, bool child)
{
    if (child) {
        atomic_store(&doubtful, true);
        atomic_store(&inside.state, 0);
    } else if (held) {
        lp_unlock(&inside);
    }
}
