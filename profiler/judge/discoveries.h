/*
 * Many places are tested at once, so some look like a leak by chance. The chance that is allowed to
 * each is lowered until at most a share of those that pass are expected to be wrong: the false
 * discovery rate (Benjamini and Hochberg, Controlling the false discovery rate, Journal of the
 * Royal Statistical Society B 57, 1995, p. 289-300). If nothing leaks, the share is the probability
 * of any false alarm.
 *
 * Pure function; any thread.
 */
#ifndef LP_JUDGE_DISCOVERIES_H
#define LP_JUDGE_DISCOVERIES_H

#include <stddef.h>

/* The largest chance that passes. Sorts the chances. Of all tests, those n are enough that may
 * pass.
 */
double lp_discoveries(double *chances, size_t n, size_t tests, double share);

#endif
