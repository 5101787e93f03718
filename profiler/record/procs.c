#include "record/procs.h"

#include "record/capacity.h"

struct lp_ranges lp_procs = LP_RANGES(LP_OWN_PROCS, LP_PROCS_MAX, LP_LOSS_PROCS_FULL);
