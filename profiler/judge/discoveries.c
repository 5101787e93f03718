#include "judge/discoveries.h"

#include <stdlib.h>

static int by_size(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

double lp_discoveries(double *chances, size_t n, size_t tests, double share)
{
    if (tests == 0)
        return share;
    if (n > 0)
        qsort(chances, n, sizeof *chances, by_size);
    for (size_t k = n; k > 0; k--)
        if (chances[k - 1] <= share * (double)k / (double)tests)
            return share * (double)k / (double)tests;
    return share / (double)tests;
}
