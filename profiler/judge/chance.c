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

double lp_chance_of_steps(const double *steps, const double *work, size_t n)
{
    double all = sum(work, n), growth = sum(steps, n), squares = 0;

    for (size_t i = 0; i < n; i++)
        squares += pow(steps[i] - growth * work[i] / all, 2) / work[i];
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

double lp_long_scatter(const double *steps, const double *work, size_t n)
{
    double rate = sum(steps, n) / sum(work, n), squares = 0, neighbours = 0, before = 0;

    for (size_t i = 0; i < n; i++) {
        double off = (steps[i] - rate * work[i]) / sqrt(work[i]);
        squares += off * off;
        neighbours += off * before;
        before = off;
    }
    return n > 1 ? fmax(squares + 2 * neighbours, squares / 4) / (double)(n - 1) : 0;
}
