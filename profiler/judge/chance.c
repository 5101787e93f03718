#include "judge/chance.h"

#include <math.h>

#include "judge/distributions.h"

double lp_chance_of_events(const struct lp_flow *flow, double dispersion)
{
    double kept = flow->kept / dispersion, gone = flow->gone / dispersion;
    return lp_binomial_tail(kept + gone, kept, 0.5);
}

static double sum(const double *x, size_t n)
{
    double total = 0;
    for (size_t i = 0; i < n; i++)
        total += x[i];
    return total;
}

double lp_chance_of_steps(const double *steps, const double *work, size_t n, double unit)
{
    double all = sum(work, n), growth = sum(steps, n), squares = 0;

    for (size_t i = 0; i < n; i++)
        squares += (pow(steps[i] - growth * work[i] / all, 2) + unit * unit / 6) / work[i];
    if (n < 2 || growth <= 0)
        return 1;
    double error = sqrt(squares / (double)(n - 1) * all);
    return error > 0 ? lp_student_tail(growth / error, (double)(n - 1)) : 0;
}

double lp_chance_of_signs(size_t ups, size_t downs)
{
    return lp_binomial_tail((double)(ups + downs), (double)ups, 0.5);
}

double lp_scatter(const double *steps, const double *work, size_t n)
{
    double rate = sum(steps, n) / sum(work, n), squares = 0, before = 0;

    for (size_t i = 0; i < n; i++) {
        double off = (steps[i] - rate * work[i]) / sqrt(work[i]);
        if (i > 0)
            squares += (off - before) * (off - before);
        before = off;
    }
    return n > 1 ? squares / (2 * (double)(n - 1)) : 0;
}

static size_t lags_of(size_t n)
{
    return (size_t)(4 * pow((double)n / 100, 2.0 / 9));
}

double lp_long_scatter(const double *steps, const double *work, size_t n)
{
    double rate = sum(steps, n) / sum(work, n), all = 0;
    size_t lags = lags_of(n);

    for (size_t i = 0; i < n; i++) {
        double off = (steps[i] - rate * work[i]) / sqrt(work[i]);
        all += off * off;
        for (size_t lag = 1; lag <= lags && lag <= i; lag++) {
            double weight = 1 - (double)lag / (double)(lags + 1),
                   before = (steps[i - lag] - rate * work[i - lag]) / sqrt(work[i - lag]);
            all += 2 * weight * off * before;
        }
    }
    return n > 1 ? fmax(all, 0) / (double)(n - 1) : 0;
}

double lp_long_scatter_error(size_t n)
{
    return sqrt(4 * (double)(lags_of(n) + 1) / (3 * (double)n));
}
