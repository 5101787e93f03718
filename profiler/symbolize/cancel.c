#include "symbolize/cancel.h"

#include <stdatomic.h>

static atomic_bool cancelled;

void lp_symbols_cancel(void)
{
    atomic_store(&cancelled, true);
}

bool lp_symbols_uncancel(void)
{
    return atomic_exchange(&cancelled, false);
}

bool lp_symbols_cancelled(void)
{
    return atomic_load_explicit(&cancelled, memory_order_relaxed);
}
