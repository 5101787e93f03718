#include "sys/losses.h"

#include <stdatomic.h>

static _Atomic uint64_t counts[LP_LOSS_COUNT];

void lp_loss(enum lp_loss_cause cause)
{
    atomic_fetch_add_explicit(&counts[cause], 1, memory_order_relaxed);
}

uint64_t lp_losses(enum lp_loss_cause cause)
{
    return atomic_load_explicit(&counts[cause], memory_order_relaxed);
}

uint64_t lp_losses_total(void)
{
    uint64_t total = 0;
    for (int i = 0; i < LP_LOSS_COUNT; i++)
        total += lp_losses(i);
    return total;
}

const char *lp_loss_name(enum lp_loss_cause cause)
{
    static const char *const names[] = {
#define X(id, text) text,
        LP_LOSSES(X)
#undef X
    };
    return names[cause];
}
