/*
 * Does growth go on? The pace is growth per unit of work: requests, bytes or seconds.
 *
 * If the pace is even, each event falls into the last third of the work with the probability that
 * this third has of the work. So the number of late events is binomial, and too few of them show
 * that growth slows down. Events that come in batches count as fewer (judge/chance.h). A slow
 * decline of many steps shows in their trend as well (judge/trend.h).
 *
 * Pure functions; any thread.
 */
#ifndef LP_JUDGE_PACE_H
#define LP_JUDGE_PACE_H

#include <stdbool.h>
#include <stddef.h>

struct lp_pace {
    double early, late; /* growth per work: in the first two thirds, and in the last */
    bool slowing;       /* the pace is not even */
    bool dying;         /* and the late one is less than half of the early one */
    bool stopped;       /* growth has ended */
    double since;       /* the share of the work since the last step up */
};

/* values[i] when work[i] is done; both have n of at least 3. unit: the value of one event. */
void lp_pace(struct lp_pace *pace, const double *values, const double *work, size_t n, double unit);

#endif
