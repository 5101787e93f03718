#include "inspect/footprint.h"

#include "record/self.h"
#include "record/unwind.h"
#include "record/blocks.h"
#include "record/sites.h"
#include "record/stacks.h"

struct lp_footprint lp_footprint_now(void)
{
    struct lp_footprint footprint = {
        .taken = true,
        .unwinder = (int64_t)lp_unwind_caches() * LP_UNWIND_CACHE_BYTES,
        .heap = lp_own_heap(),
        .live_samples = lp_blocks_live(),
        .stacks = lp_stack_count(),
        .sites = lp_site_count(),
        .spent = lp_hooktime_read(),
    };
    for (int kind = 0; kind < LP_OWN_COUNT; kind++)
        footprint.tables[kind] = lp_own_bytes(kind);
    for (int cause = 0; cause < LP_LOSS_COUNT; cause++)
        footprint.losses[cause] = lp_losses(cause);
    return footprint;
}

int64_t lp_footprint_mapped(const struct lp_footprint *footprint)
{
    int64_t bytes = footprint->unwinder;
    for (int kind = 0; kind < LP_OWN_COUNT; kind++)
        bytes += footprint->tables[kind];
    return bytes;
}
