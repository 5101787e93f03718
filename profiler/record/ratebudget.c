#include "record/ratebudget.h"

#include <stdbool.h>

#include "sys/maths.h"

enum { RATE_FINEST = 32, SMALLEST_BLOCK = 32, UNSEEN_POINTS = 3, SAMPLES_LEAST = 1 };
#define MARGIN 0.85 /* of what is allowed, for a change of the rate */

static double per_second(const struct lp_budget_load *load, double n)
{
    return n * 1e9 / (double)load->elapsed_ns;
}

/* If the number of live records rises, it must not use up the rest of the memory too soon. */
static double allowed_by_memory(const struct lp_budget_load *load)
{
    double rest = (double)LP_BUDGET_MEMORY / LP_BUDGET_RECORD - (double)load->live;
    double may_grow = rest > 0 ? rest / LP_BUDGET_MEMORY_SECONDS : 0;
    double grows = per_second(load, (double)load->grown);
    if (grows <= may_grow)
        return rest > 0 ? 1e12 : SAMPLES_LEAST;
    return per_second(load, (double)load->samples) * may_grow / grows;
}

int64_t lp_budget_samples(const struct lp_budget_load *load, int64_t rate)
{
    double ns = per_second(load, (double)load->cpu_ns) * LP_BUDGET_CPU_PER_MILLE / 1000;
    double samples = (ns > LP_BUDGET_NS_LEAST ? ns : LP_BUDGET_NS_LEAST) / (double)load->cost_ns;
    double memory = allowed_by_memory(load);
    if (rate == 1 && samples < LP_BUDGET_EXACT)
        samples = LP_BUDGET_EXACT;
    if (samples > memory)
        samples = memory;
    return samples > SAMPLES_LEAST ? (int64_t)samples : SAMPLES_LEAST;
}

double lp_budget_samples_at(const struct lp_budget_load *load, int64_t rate)
{
    double n = 0, unseen = load->rate > 1 ? (double)load->rate * UNSEEN_POINTS : 0;
    for (int c = 0; c < LP_BUDGET_CLASSES; c++) {
        double objects = load->class[c].objects;
        if (objects > 0)
            n += rate <= 1
                     ? objects
                     : objects * lp_one_minus_exp(load->class[c].bytes / objects / (double)rate);
    }
    return per_second(load, n + unseen / (double)(rate < SMALLEST_BLOCK ? SMALLEST_BLOCK : rate));
}

/* Is a rate within this share of what is allowed? */
static bool fits(const struct lp_budget_load *load, int64_t rate, double share)
{
    return lp_budget_samples_at(load, rate) <= share * (double)lp_budget_samples(load, rate);
}

static int64_t finest(const struct lp_budget_load *load)
{
    int64_t rate = load->finest;
    while (rate < LP_BUDGET_RATE_MAX && !fits(load, rate, MARGIN))
        rate = rate < RATE_FINEST ? RATE_FINEST : 2 * rate;
    return rate;
}

/* The rate stays while it is within the budget and not much coarser than need be. */
int64_t lp_budget_rate(const struct lp_budget_load *load)
{
    int64_t best = finest(load);
    bool good = load->rate >= load->finest && fits(load, load->rate, 1);
    return good && (load->rate == 1 || (best > 1 && load->rate <= 2 * best)) ? load->rate : best;
}
