#include "judge/estimate.h"

#include <math.h>

#include "judge/distributions.h"

struct lp_estimate lp_estimate_of(double bytes, double variance, double size)
{
    if (!(bytes > 0))
        return (struct lp_estimate){0};
    /* The variance is bytes * size * (1-p)/p. */
    variance = fmax(variance, 0); /* a difference of sums of doubles may be below */
    double p = size > 0 ? 1 / (1 + variance / (bytes * size)) : 1;
    return (struct lp_estimate){.known = bytes * p,
                                .rest = bytes * (1 - p),
                                .variance = variance,
                                .grain = bytes * (1 - p) * size,
                                .blocks = size > 0 ? bytes * p / size : 0};
}

void lp_estimate_add(struct lp_estimate *sum, const struct lp_estimate *other)
{
    sum->known += other->known;
    sum->rest += other->rest;
    sum->variance += other->variance;
    sum->grain += other->grain;
    sum->rate = fmax(sum->rate, other->rate);
    sum->blocks += other->blocks;
}

/* Of a gamma variable with this mean and variance. */
static double quantile(double mean, double variance, double p)
{
    return mean > 0 && variance > 0 ? lp_gamma_quantile(mean * mean / variance, p) * variance / mean
                                    : mean;
}

struct lp_interval lp_estimate_interval(const struct lp_estimate *e, double alpha)
{
    double block = e->rest > 0 ? e->grain / e->rest : 0,
           low = quantile(e->rest, e->variance, alpha / 2),
           high = quantile(e->rest + e->rate, e->variance + e->rate * e->rate, 1 - alpha / 2);

    return (struct lp_interval){e->known + fmax(low - block, 0), e->known + high};
}

struct lp_interval lp_estimate_less(const struct lp_estimate *more, const struct lp_estimate *less,
                                    double alpha)
{
    struct lp_interval a = lp_estimate_interval(more, alpha), b = lp_estimate_interval(less, alpha);
    double x = more->known + more->rest, y = less->known + less->rest;

    return (struct lp_interval){x - y - hypot(x - a.low, b.high - y),
                                x - y + hypot(a.high - x, y - b.low)};
}

double lp_estimate_unseen(double rate, double alpha)
{
    return -log(alpha) * rate;
}
