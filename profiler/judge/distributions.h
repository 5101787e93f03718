/*
 * The distribution functions that intervals and tests need, for real arguments.
 *
 * Incomplete gamma: the series and the continued fraction of NIST's Digital Library of Mathematical
 * Functions, 8.7.1 and 8.9.2. Incomplete beta: its continued fraction 8.17.22, evaluated by Lentz's
 * method. Binomial and Student's t by the incomplete beta (8.17.5; Abramowitz and Stegun,
 * Handbook of Mathematical Functions, 1964, 26.7.1).
 *
 * Pure functions; any thread.
 */
#ifndef LP_JUDGE_DISTRIBUTIONS_H
#define LP_JUDGE_DISTRIBUTIONS_H

/* The value that a gamma variable of this shape and scale 1 exceeds with probability 1 - p.
 * shape 0: always 0. */
double lp_gamma_quantile(double shape, double p);

/* The probability of a gamma variable up to x. */
double lp_gamma_below(double shape, double x);

/* The probability of k or more successes in n trials of probability p. k and n need not be whole:
 * the function interpolates smoothly. */
double lp_binomial_tail(double n, double k, double p);

/* The probability that Student's t is at least t. */
double lp_student_tail(double t, double freedom);

#endif
