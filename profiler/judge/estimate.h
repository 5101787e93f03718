/*
 * How much there is, estimated from sampled blocks, and how far off that may be.
 *
 * A block of `size` bytes is recorded with probability p = 1 - exp(-size / rate). Of n recorded
 * blocks n * size bytes are known. Between the n recorded ones there are blocks that were not: a
 * negative binomial number of them, n * (1-p)/p on average with variance n * (1-p)/p^2. So the
 * known part has no error, and only the rest has. If every block is recorded, there is no rest.
 *
 * The interval of the rest is the gamma interval of Fay and Feuer (Confidence intervals for
 * directly standardized rates, Statistics in Medicine 16, 1997, p. 791-801) for sums of counts with
 * different weights: for the upper limit, one sample of the largest weight is added. With equal
 * weights it is Garwood's (Fiducial limits for the Poisson distribution, Biometrika 28, 1936, p.
 * 437-442). It holds from no sample at all: then the upper limit is -ln(alpha) * rate. A sample
 * stands for at most `rate` bytes that were not recorded, whatever the size of its block.
 *
 * Blocks are whole: a rest that may be less than one block may be none. So the lower limit is
 * rounded down by the size of a block.
 *
 * The interval of a difference comes from the distances of both estimates to their limits (Zou and
 * Donner, Construction of confidence limits about effect measures, Statistics in Medicine 27,
 * 2008, p. 1693-1702).
 *
 * Pure functions; any thread.
 */
#ifndef LP_JUDGE_ESTIMATE_H
#define LP_JUDGE_ESTIMATE_H

/* Estimates are added up field by field; the rate is the coarsest. */
struct lp_estimate {
    double known, rest; /* the estimate is the sum of both */
    double variance;    /* of the rest */
    double rate;        /* bytes for each sample; 0: everything is recorded */
    double grain;       /* the sum of rest * size: the rest comes in whole blocks */
    double blocks;      /* how many are recorded */
};

struct lp_interval {
    double low, high;
};

/* From blocks of one size: their estimated bytes, and the variance of that. `rate` stays 0. */
struct lp_estimate lp_estimate_of(double bytes, double variance, double size);

void lp_estimate_add(struct lp_estimate *sum, const struct lp_estimate *other);

/* alpha is the probability that the truth lies outside, half of it on each side. */
struct lp_interval lp_estimate_interval(const struct lp_estimate *estimate, double alpha);
struct lp_interval lp_estimate_less(const struct lp_estimate *more, const struct lp_estimate *less,
                                    double alpha);

/* How much may be there if no sample was taken. */
double lp_estimate_unseen(double rate, double alpha);

#endif
