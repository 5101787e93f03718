#include "hooks/lives.h"

#include "hooks/handlers.h"
#include "hooks/hook.h"
#include "record/self.h"
#include "sys/clock.h"
#include "sys/keep_errno.h"

enum { TRY_AGAIN_MS = 1000 };

_Atomic int64_t lp_lives_since;
static _Atomic int64_t not_before; /* set when no thread could be made */
static void (*start)(void);

void lp_lives_watch(void (*function)(void))
{
    start = function;
    atomic_store(&not_before, 0);
    atomic_store(&lp_lives_since, lp_now_ns());
}

__attribute__((noinline)) void lp_lives_look(bool certain)
{
    LP_KEEP_ERRNO;
    int64_t since = atomic_load(&lp_lives_since), now;
    if (since == 0 || lp_self.own || lp_self.busy || !lp_hooks_process())
        return;
    now = lp_now_ns();
    if ((!certain && now - since < LP_LIVES_MS * INT64_C(1000000)) ||
        now < atomic_load(&not_before))
        return;
    if (!lp_handlers_safe())
        atomic_store(&not_before, now + TRY_AGAIN_MS * INT64_C(1000000));
    else if (atomic_compare_exchange_strong(&lp_lives_since, &since, 0))
        start();
}
