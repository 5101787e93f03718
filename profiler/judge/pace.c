#include "judge/pace.h"

#include <math.h>

#include "judge/chance.h"
#include "judge/distributions.h"
#include "judge/trend.h"

static const double half = 0.5;
static const double even_chance = 0.02; /* that an even pace seems to slow down */
static const double end_chance = 0.005; /* or to have ended */

/* Where the last third of the work begins. */
static size_t split_of(const double *work, size_t n)
{
    double two_thirds = work[0] + (work[n - 1] - work[0]) * 2 / 3;
    size_t split = 1;

    for (size_t i = 1; i < n - 1; i++)
        if (fabs(work[i] - two_thirds) < fabs(work[split] - two_thirds))
            split = i;
    return split;
}

static size_t last_rise(const double *values, size_t n)
{
    size_t last = 0;
    for (size_t i = 1; i < n; i++)
        if (values[i] > values[i - 1])
            last = i;
    return last;
}

void lp_pace(struct lp_pace *pace, const double *values, const double *work, size_t n, double unit)
{
    double steps[LP_TREND_POINTS], widths[LP_TREND_POINTS], rates[LP_TREND_POINTS],
        all = work[n - 1] - work[0], growth = values[n - 1] - values[0];
    size_t split = split_of(work, n), last = last_rise(values, n);

    for (size_t i = 0; i + 1 < n; i++) {
        widths[i] = work[i + 1] - work[i];
        steps[i] = values[i + 1] - values[i];
        rates[i] = -steps[i] / widths[i];
    }
    *pace = (struct lp_pace){.early = (values[split] - values[0]) / (work[split] - work[0]),
                             .late = (values[n - 1] - values[split]) / (work[n - 1] - work[split]),
                             .since = (work[n - 1] - work[last]) / all};
    if (!(growth > 0))
        return;

    double batch = fmax(lp_scatter(steps, widths, n - 1) * all / growth, unit);
    double early = (values[split] - values[0]) / batch, events = growth / batch,
           early_share = (work[split] - work[0]) / all;
    pace->slowing = pace->late < pace->early &&
                    (lp_binomial_tail(events, fmin(early, events), early_share) < even_chance ||
                     lp_rises(rates, n - 1) > 1 - even_chance / 2);
    pace->dying = pace->slowing && pace->late < half * pace->early;
    pace->stopped = last > 0 && pow(1 - pace->since, events) < end_chance;
}
