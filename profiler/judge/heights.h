/*
 * At which height of the call tree is growth? A line that allocates may serve many callers, of
 * which one keeps its blocks. Or one function keeps what several lines below it allocate, and no
 * line has enough of it alone.
 *
 * Every frame above the allocation is a node with all stacks that pass through it. Each node is
 * tested by its events (judge/chance.h). The more nodes are tested, the smaller the chance must be:
 * it is multiplied by their number (Bonferroni; Dunn, Multiple comparisons among means, Journal of
 * the American Statistical Association 56, 1961, p. 52-64). A node with too few events to pass
 * whatever they were is not tested and does not count (Tarone, A modified Bonferroni method for
 * discrete data, Biometrics 46, 1990, p. 515-522).
 *
 * Pure functions; any thread.
 */
#ifndef LP_JUDGE_HEIGHTS_H
#define LP_JUDGE_HEIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "judge/chance.h"

/* A stack: its frames above the allocating one, lowest first, and what came and went there. */
struct lp_branch {
    const uintptr_t *nodes;
    uint32_t nnodes;
    struct lp_flow flow;
};

struct lp_height {
    uintptr_t node;
    size_t branches; /* how many pass through it */
    struct lp_flow flow;
    double chance; /* corrected for the search */
    double tests;  /* the correction: how many nodes were tested */
};

/* Could growth be certain with so many events, if all of them were of blocks that stay? */
bool lp_height_testable(const struct lp_flow *flow);

/* The branches allocate in one place. Finds a caller whose growth is far more certain than that of
 * the place: the lowest of those that are about as certain. If half of its growth or more went from
 * the other branches meanwhile, work may only have moved to this caller: it is not found. 1: found,
 * 0: none, or -ENOMEM. */
int lp_height_below(const struct lp_branch *branches, size_t n, struct lp_height *found);

/* No branch's place grows for certain. Finds the node with the fewest branches, then the lowest,
 * that does. 1: found, 0: none, or -ENOMEM. */
int lp_height_above(const struct lp_branch *branches, size_t n, double chance,
                    struct lp_height *found);

#endif
