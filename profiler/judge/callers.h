/*
 * Moves bookings from the line that allocates to the frame that explains their growth, where that
 * is another one (judge/heights.h). Profiler's thread only.
 */
#ifndef LP_JUDGE_CALLERS_H
#define LP_JUDGE_CALLERS_H

#include "judge/ranking.h"

/* All bookings must be there, none added up. Changes their order. 0 or -ENOMEM. */
int lp_find_callers(struct lp_ranking *ranking);

/* Where a stack was moved to. NULL: it was not. */
const struct lp_moved *lp_moved_stack(const struct lp_ranking *ranking, int resource,
                                      uint32_t stack);

#endif
