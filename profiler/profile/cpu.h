/* What a CPU profile has besides its rows. */
#ifndef LP_PROFILE_CPU_H
#define LP_PROFILE_CPU_H

#include "profile/profile.h"
#include "record/cpu.h"

/* The CPU time that the samples are part of. NULL for other kinds. */
struct lp_cpu_figures *lp_cpu_of(const struct lp_profile *profile);

#endif
