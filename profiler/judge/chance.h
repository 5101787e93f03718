/*
 * How likely is growth like this if nothing leaks?
 *
 * By events: blocks come and others go. If as many go as come, each block that came or went is as
 * likely one as the other, so the number of those that came is binomial with 1/2 (Przyborowski and
 * Wilenski, Homogeneity of results in testing samples from Poisson series, Biometrika 31, 1940, p.
 * 313-323). Sampling thins both alike and changes nothing. Events in batches count as fewer: by the
 * dispersion, the variance of the steps divided by that of single events.
 *
 * By steps: what a program holds drifts. If each step begins where the last one ended and up is as
 * likely as down, growth of w units of work is normal with a variance of w times a constant.
 * Student's t compares the growth with the scatter of the steps (Student, The probable error of a
 * mean, Biometrika 6, 1908, p. 1-25). Values are whole events, so equal steps may differ by part of
 * one: the variance of a difference of two rounded values, a sixth of an event's square, is added
 * to theirs (Sheppard, On the calculation of the most probable values of frequency-constants,
 * Proceedings of the London Mathematical Society 29, 1898, p. 353-380). If all steps go up, the
 * sign test needs no distribution.
 *
 * Two estimates of the variance of the steps. That of successive differences is not inflated by a
 * trend (von Neumann, Kent, Bellinson and Hart, The mean square successive difference, Annals of
 * Mathematical Statistics 12, 1941, p. 153-162). The long-run variance adds the covariance of
 * neighbours, the less the further they are apart: what is in flight at a snapshot is a rise in one
 * step and a fall in the next, and cancels out (Newey and West, A simple, positive semi-definite,
 * heteroskedasticity and autocorrelation consistent covariance matrix, Econometrica 55, 1987, p.
 * 703-708). Neighbours are up to 4 (n / 100)^(2/9) steps apart, the usual choice (Newey and West,
 * Automatic lag selection in covariance matrix estimation, Review of Economic Studies 61, 1994, p.
 * 631-653).
 *
 * Pure functions; any thread.
 */
#ifndef LP_JUDGE_CHANCE_H
#define LP_JUDGE_CHANCE_H

#include <stddef.h>

/* Recorded blocks (or threads, descriptors…) of a window. */
struct lp_flow {
    double kept; /* that came and are there at the end */
    double gone; /* of those that were there before, at most so many went */
};

double lp_chance_of_events(const struct lp_flow *flow, double dispersion);

/* steps[i] in work[i]: positive work, n of at least 1. unit: the value of one event. */
double lp_chance_of_steps(const double *steps, const double *work, size_t n, double unit);

/* At least so many ups by chance, if as many downs are as likely. */
double lp_chance_of_signs(size_t ups, size_t downs);

/* The variance of growth per unit of work, by successive differences and in the long run. */
double lp_scatter(const double *steps, const double *work, size_t n);
double lp_long_scatter(const double *steps, const double *work, size_t n);

/* The standard error of the latter, as a share of it (Priestley, Spectral Analysis and Time Series,
 * 1981, table 6.1: Bartlett's window at frequency zero). */
double lp_long_scatter_error(size_t n);

#endif
