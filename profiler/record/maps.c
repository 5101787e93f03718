#include "record/maps.h"

#include "record/capacity.h"
#include "record/self.h"

LP_RANGES(lp_maps, LP_OWN_MAPS, LP_MAPS_MAX, LP_LOSS_MAPS_FULL);

uint32_t lp_maps_copy(uint64_t from, struct lp_range *out, uint32_t n)
{
    return lp_ranges_copy(&lp_maps, from, out, n, lp_self.busy);
}

uint32_t lp_maps_live(void)
{
    return lp_ranges_live(&lp_maps);
}
