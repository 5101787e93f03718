#include "record/procs.h"

#include "record/capacity.h"
#include "record/self.h"

LP_RANGES(lp_procs, LP_OWN_PROCS, LP_PROCS_MAX, LP_LOSS_PROCS_FULL);

uint32_t lp_procs_copy(uint64_t from, struct lp_range *out, uint32_t n)
{
    return lp_ranges_copy(&lp_procs, from, out, n, lp_self.busy);
}

void lp_procs_cut(uint64_t key)
{
    lp_ranges_cut(&lp_procs, key, 1, lp_self.busy);
}
