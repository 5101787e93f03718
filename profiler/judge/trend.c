#include "judge/trend.h"

#include <math.h>
#include <stddef.h>
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

double lp_rises(const double *y, size_t n)
{
    double count = 0;

    if (n < 2)
        return 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++)
            count += (y[j] > y[i]) - (y[j] < y[i]);
    double deviation = sqrt(variance_of_count(y, n));
    return deviation > 0 && count != 0
               ? erfc(-(count - copysign(1, count)) / deviation / M_SQRT2) / 2
               : 0.5;
}

/* The value that would be at this place if they were sorted (Hoare, Algorithm 65: Find,
 * Communications of the ACM 4, 1961, p. 321). Changes their order. */
static double at_rank(double *values, size_t n, size_t rank)
{
    ptrdiff_t low = 0, high = (ptrdiff_t)n - 1, at = (ptrdiff_t)rank;

    while (low < high) {
        double pivot = values[at];
        ptrdiff_t i = low, j = high;
        while (i <= j) {
            while (values[i] < pivot)
                i++;
            while (values[j] > pivot)
                j--;
            if (i > j)
                break;
            double swapped = values[i];
            values[i++] = values[j];
            values[j--] = swapped;
        }
        if (j < at)
            low = i;
        if (at < i)
            high = j;
    }
    return values[rank];
}

void lp_trend(struct lp_trend *trend, const double *x, const double *y, size_t n)
{
    static const double two_sided_95 = 1.959964;
    double slopes[PAIRS];
    size_t pairs = 0;

    *trend = (struct lp_trend){.rises = lp_rises(y, n)};
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++)
            if (x[j] > x[i])
                slopes[pairs++] = (y[j] - y[i]) / (x[j] - x[i]);
    if (pairs == 0)
        return;
    trend->slope =
        (at_rank(slopes, pairs, (pairs - 1) / 2) + at_rank(slopes, pairs, pairs / 2)) / 2;
    double outside = ((double)pairs - two_sided_95 * sqrt(variance_of_count(y, n))) / 2;
    size_t low = outside > 1 ? (size_t)outside - 1 : 0;
    trend->low = at_rank(slopes, pairs, low);
    trend->high = at_rank(slopes, pairs, pairs - 1 - low);
}
