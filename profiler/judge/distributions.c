#include "judge/distributions.h"

#include <math.h>

static const double precision = 1e-13, tiny = 1e-300;
enum { TURNS = 2000 };

static double log_gamma(double x)
{
    int sign; /* lgamma() sets a global variable */
    return lgamma_r(x, &sign);
}

double lp_gamma_below(double shape, double x)
{
    if (!(x > 0))
        return 0;
    if (shape <= 0)
        return 1;
    double front = exp(shape * log(x) - x - log_gamma(shape));
    if (x < shape + 1) {
        double term = 1 / shape, sum = term;
        for (int n = 1; n < TURNS && term > sum * precision; n++)
            sum += term *= x / (shape + n);
        return front * sum;
    }
    double b = x + 1 - shape, c = 1 / tiny, d = 1 / b, h = d;
    for (int n = 1; n < TURNS; n++) {
        double a = -n * (n - shape);
        b += 2;
        d = 1 / (a * d + b);
        c = b + a / c;
        h *= c * d;
        if (fabs(c * d - 1) < precision)
            break;
    }
    return 1 - front * h;
}

/* By bisection: it needs no start, and cannot miss. */
double lp_gamma_quantile(double shape, double p)
{
    double low = 0, high = shape + 1;

    if (!(shape > 0) || !(p > 0))
        return 0;
    while (lp_gamma_below(shape, high) < p && high < 1e300)
        high *= 2;
    for (int i = 0; i < 200 && high - low > 1e-12 * high; i++) {
        double middle = (low + high) / 2;
        if (lp_gamma_below(shape, middle) < p)
            low = middle;
        else
            high = middle;
    }
    return (low + high) / 2;
}

static double beta_fraction(double a, double b, double x)
{
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < tiny ? tiny : d);
    double h = d;

    for (int n = 1; n < TURNS; n++) {
        double even = n * (b - n) * x / ((a + 2 * n - 1) * (a + 2 * n)),
               odd = -(a + n) * (a + b + n) * x / ((a + 2 * n) * (a + 2 * n + 1));
        d = 1 + even * d;
        c = 1 + even / c;
        d = 1 / (fabs(d) < tiny ? tiny : d);
        h *= c * d;
        d = 1 + odd * d;
        c = 1 + odd / c;
        d = 1 / (fabs(d) < tiny ? tiny : d);
        h *= c * d;
        if (fabs(c * d - 1) < precision)
            break;
    }
    return h;
}

/* The regularized incomplete beta function. */
static double beta_below(double a, double b, double x)
{
    if (x <= 0)
        return 0;
    if (x >= 1)
        return 1;
    double front = exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * log(x) + b * log1p(-x));
    return x < (a + 1) / (a + b + 2) ? front * beta_fraction(a, b, x) / a
                                     : 1 - front * beta_fraction(b, a, 1 - x) / b;
}

double lp_binomial_tail(double n, double k, double p)
{
    if (k <= 0)
        return 1;
    if (k > n)
        return 0;
    return beta_below(k, n - k + 1, p);
}

double lp_student_tail(double t, double freedom)
{
    double half = beta_below(freedom / 2, 0.5, freedom / (freedom + t * t)) / 2;
    return t > 0 ? half : 1 - half;
}
