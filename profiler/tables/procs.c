#include "tables/procs.h"

#include "tables/limits.h"

struct lp_ranges lp_procs = LP_RANGES(LP_OWN_PROCS, LP_PROCS_MAX, LP_LOSS_PROCS_FULL);
