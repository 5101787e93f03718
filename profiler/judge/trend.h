/*
 * Is there a trend in a series, and how steep is it? Two tests that ask nothing of how the errors
 * are distributed, and that a few wild values cannot lead astray.
 *
 * Direction: Mann and Kendall count, over all pairs, how often the later value is the larger one
 * (Kendall, Rank Correlation Methods, 1975; the normal approximation with continuity correction and
 * correction for ties as in Gilbert, Statistical Methods for Environmental Pollution Monitoring,
 * 1987, 16.4). Slope: Theil and Sen take the median of the slopes of all pairs, and an interval for
 * it from the variance of the same count (Gilbert, 17.3).
 *
 * Pure functions; any thread.
 */
#ifndef LP_JUDGE_TREND_H
#define LP_JUDGE_TREND_H

#include <stddef.h>

enum { LP_TREND_POINTS = 64 }; /* at most: the pairs are the square of them */

struct lp_trend {
    double rises;            /* one-sided confidence that the series rises, 0 to 1 */
    double slope, low, high; /* value per x; the interval has 95 %, and is the extremes where the
                              * points are too few for that */
};

/* x rises strictly; n up to LP_TREND_POINTS. Fewer than two points make no trend: all zero. */
void lp_trend(struct lp_trend *trend, const double *x, const double *y, size_t n);

#endif
