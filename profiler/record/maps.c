#include "record/maps.h"

#include "record/capacity.h"

struct lp_ranges lp_maps = LP_RANGES(LP_OWN_MAPS, LP_MAPS_MAX, LP_LOSS_MAPS_FULL);
