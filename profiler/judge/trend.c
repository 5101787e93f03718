#include "judge/trend.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PAIRS = LP_TREND_POINTS * (LP_TREND_POINTS - 1) / 2 };

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The variance of the Mann-Kendall count if there is no trend. */
static double variance_of_count(const double *y, size_t n)
{
    double sorted[LP_TREND_POINTS], variance = (double)n * (double)(n - 1) * (double)(2 * n + 5);

    memcpy(sorted, y, n * sizeof(*y));
    qsort(sorted, n, sizeof(*sorted), by_value);
    for (size_t i = 0, tied; i < n; i += tied) {
        for (tied = 1; i + tied < n && sorted[i + tied] == sorted[i]; tied++)
            ;
        variance -= (double)tied * (double)(tied - 1) * (double)(2 * tied + 5);
    }
    return variance / 18;
}

void lp_trend(struct lp_trend *trend, const double *x, const double *y, size_t n)
{
    static const double two_sided_95 = 1.959964;
    double slopes[PAIRS], count = 0;
    size_t pairs = 0;

    *trend = (struct lp_trend){0};
    if (n < 2)
        return;
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++) {
            if (x[j] > x[i])
                slopes[pairs++] = (y[j] - y[i]) / (x[j] - x[i]);
            count += (y[j] > y[i]) - (y[j] < y[i]);
        }
    double deviation = sqrt(variance_of_count(y, n));
    if (deviation > 0 && count != 0)
        trend->rises = erfc(-(count - copysign(1, count)) / deviation / M_SQRT2) / 2;
    else
        trend->rises = 0.5;

    if (pairs == 0)
        return;
    qsort(slopes, pairs, sizeof(*slopes), by_value);
    trend->slope = (slopes[(pairs - 1) / 2] + slopes[pairs / 2]) / 2;
    double outside = ((double)pairs - two_sided_95 * deviation) / 2;
    size_t low = outside > 1 ? (size_t)outside - 1 : 0;
    trend->low = slopes[low];
    trend->high = slopes[pairs - 1 - low];
}
