#include "record/allocator.h"

struct lp_allocator lp_allocator_found = {.libc = true, .file = ""};
static bool used;

const struct lp_allocator *lp_allocator(void)
{
    return &lp_allocator_found;
}

bool lp_allocator_used(void)
{
    return __atomic_load_n(&used, __ATOMIC_RELAXED);
}

void lp_allocator_mark_used(void)
{
    if (!lp_allocator_used())
        __atomic_store_n(&used, true, __ATOMIC_RELAXED);
}
