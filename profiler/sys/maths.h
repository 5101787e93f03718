/*
 * The two functions of libm that sampling needs, and rounding, without libm: it would be one more
 * library in every process. Relative errors are below 1e-13. Pure functions; any thread, any
 * context.
 */
#ifndef LP_SYS_MATHS_H
#define LP_SYS_MATHS_H

#include <stdint.h>

double lp_log(double x);           /* natural logarithm; x is positive and normal */
double lp_one_minus_exp(double x); /* 1 - e^-x for x >= 0, accurate for small x too */

/* Rounds to the nearest integer, halves away from 0. The result must fit. */
static inline int64_t lp_round(double x)
{
    return (int64_t)(x < 0 ? x - 0.5 : x + 0.5);
}

#endif
