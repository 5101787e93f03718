/*
 * Follows the candidates of a ranking through its series of snapshots, and judges them. Profiler's
 * thread only.
 */
#ifndef LP_JUDGE_FOLLOW_H
#define LP_JUDGE_FOLLOW_H

#include "judge/ranking.h"

/* The order of candidates: by resource, function, file, line and node. */
int lp_by_place(const void *x, const void *y); /* struct lp_suspect */

/* The index of the candidate at this stack's place. ranking->n: there is none. */
size_t lp_candidate(const struct lp_ranking *ranking, int resource, uint32_t stack);

/* Sets from, to and the judgement of every candidate, and the trend of all totals. 0 or -ENOMEM. */
int lp_follow(struct lp_ranking *ranking);

#endif
