#include "snapshot/weight.h"

#include "capture/self.h"
#include "capture/unwind.h"
#include "tables/blocks.h"
#include "tables/sites.h"
#include "tables/stacks.h"

struct lp_weight lp_weight_now(void)
{
    struct lp_weight weight = {
        .taken = true,
        .unwinder = (int64_t)lp_unwind_caches() * LP_UNWIND_CACHE_BYTES,
        .heap = lp_own_heap(),
        .live_samples = lp_blocks_live(),
        .stacks = lp_stack_count(),
        .sites = lp_site_count(),
        .spent = lp_spent_read(),
    };
    for (int kind = 0; kind < LP_OWN_COUNT; kind++)
        weight.tables[kind] = lp_own_bytes(kind);
    for (int cause = 0; cause < LP_LOSS_COUNT; cause++)
        weight.losses[cause] = lp_losses(cause);
    return weight;
}

int64_t lp_weight_mapped(const struct lp_weight *weight)
{
    int64_t bytes = weight->unwinder;
    for (int kind = 0; kind < LP_OWN_COUNT; kind++)
        bytes += weight->tables[kind];
    return bytes;
}
