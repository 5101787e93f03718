/*
 * Which rate a budget allows: the arithmetic of record/autorate.h, without state.
 *
 * The cost of sampling is the number of samples times what one takes, with its free. The number at
 * another rate follows from what was allocated, by size: a block of size s is sampled with
 * probability 1 - e^(-s/rate).
 *
 * A program that allocates LP_BUDGET_EXACT blocks per second or less is recorded exactly, however
 * little CPU time it uses. That is well below one percent of a core. Otherwise the cost is below
 * LP_BUDGET_CPU_PER_MILLE of its CPU time, or below LP_BUDGET_NS_LEAST per second if that is more.
 */
#ifndef LP_RECORD_RATEBUDGET_H
#define LP_RECORD_RATEBUDGET_H

#include <stdint.h>

enum {
    LP_BUDGET_CPU_PER_MILLE = 5,   /* of the program's CPU time */
    LP_BUDGET_NS_LEAST = 1000000,  /* per second */
    LP_BUDGET_EXACT = 6000,        /* blocks per second */
    LP_BUDGET_MEMORY = 32 << 20,   /* bytes for the records of live blocks */
    LP_BUDGET_MEMORY_SECONDS = 60, /* the rest of them is not used up sooner than this */
    LP_BUDGET_RECORD = 36,         /* bytes for one */
    LP_BUDGET_RATE_MAX = 64 << 20,
    LP_BUDGET_CLASSES = 48
};

/* What was seen in an interval. */
struct lp_budget_load {
    int64_t elapsed_ns;
    int64_t cpu_ns;      /* CPU time of the program in it */
    int64_t rate;        /* at its end; at least 1 */
    int64_t finest;      /* at least 1 */
    int64_t cost_ns;     /* of one sample */
    int64_t live, grown; /* live records at its end, and how many more than at its beginning */
    int64_t samples;
    struct {
        double objects, bytes; /* allocated: estimates */
    } class[LP_BUDGET_CLASSES];
};

/* The class of blocks of this size. */
static inline int lp_budget_class(uint64_t size)
{
    int bits = 64 - __builtin_clzll(size | 1);
    return bits < LP_BUDGET_CLASSES ? bits : LP_BUDGET_CLASSES - 1;
}

/* How many samples per second are allowed at a rate. */
int64_t lp_budget_samples(const struct lp_budget_load *load, int64_t rate);

/* How many samples per second there would be at a rate, if the load stays as it was. What was not
 * sampled may have been there, too: three points of the process are added. */
double lp_budget_samples_at(const struct lp_budget_load *load, int64_t rate);

/* The next rate: 1 or a power of two up to LP_BUDGET_RATE_MAX. */
int64_t lp_budget_rate(const struct lp_budget_load *load);

#endif
