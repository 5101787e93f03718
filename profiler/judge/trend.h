/*
 * Is there a trend in a series, and how steep is it? Both methods assume no distribution of the
 * errors, and a few outliers do not mislead them.
 *
 * Direction: the Mann-Kendall test counts, over all pairs, how often the later value is larger
 * (Kendall, Rank Correlation Methods, 1975; the normal approximation with continuity correction and
 * correction for ties as in Gilbert, Statistical Methods for Environmental Pollution Monitoring,
 * 1987, 16.4). Slope: the Theil-Sen estimate is the median of the slopes of all pairs. Its interval
 * follows from the variance of the same count (Gilbert, 17.3).
 *
 * Pure functions; any thread.
 */
#ifndef LP_JUDGE_TREND_H
#define LP_JUDGE_TREND_H

#include <stddef.h>

enum { LP_TREND_POINTS = 64 }; /* a limit, because the number of pairs grows with the square */

struct lp_trend {
    double rises;            /* one-sided confidence that the series rises, 0 to 1 */
    double slope, low, high; /* value per x; the 95 % interval, or the extremes of few points */
};

/* The confidence alone, which is much faster. */
double lp_rises(const double *y, size_t n);

/* n is at most LP_TREND_POINTS. Pairs whose x does not rise have no slope. Fewer than two points
 * give no trend: all zero. */
void lp_trend(struct lp_trend *trend, const double *x, const double *y, size_t n);

#endif
