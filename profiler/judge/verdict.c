#include "judge/verdict.h"

#include <math.h>

static const double steady =
    0.8; /* net growth divided by the sum of all changes: a leak does not shrink */
static const double restless = 0.5; /* churn does */
static const double dying = 0.5;    /* late growth divided by early growth */
static const double idle_share =
    0.1; /* up to this share of growth without work, work explains the growth */
static const double sigmas = 2;

const char *lp_verdict_name(enum lp_verdict verdict)
{
    static const char *const names[] = {"leaking", "too early to say", "warming up", "high water",
                                        "churn"};
    return names[verdict];
}

/* Uses time as work if things grow while there is no work. */
static void choose_work(struct lp_point *points, size_t n)
{
    double idle = 0, total = points[n - 1].value - points[0].value;

    for (size_t i = 1; i < n; i++)
        if (!(points[i].work > points[i - 1].work))
            idle += points[i].value - points[i - 1].value;
    if (!(points[n - 1].work > points[0].work) || idle > idle_share * fabs(total))
        for (size_t i = 0; i < n; i++)
            points[i].work = points[i].seconds;
}

/* Merges each point without work since the point before into that point, with the later value,
 * which is the one that counts. In busy: the time with work until then. */
static size_t drop_idle(struct lp_point *points, size_t n, double *busy)
{
    double before = points[0].seconds; /* time of the point before, kept or not */
    size_t kept = 1;

    busy[0] = 0;
    for (size_t i = 1; i < n; i++) {
        double seconds = points[i].seconds - before;
        before = points[i].seconds;
        if (points[i].work > points[kept - 1].work) {
            busy[kept] = busy[kept - 1] + seconds;
            points[kept++] = points[i];
        } else {
            points[kept - 1].value = points[i].value;
            points[kept - 1].value_variance = points[i].value_variance;
            points[kept - 1].variance += points[i].variance;
        }
    }
    return kept;
}

/* 1: it never fell. 0: it is back where it began. */
static double steadiness(struct lp_judgement *judgement, const struct lp_point *points, size_t n)
{
    double up = 0, down = 0;

    for (size_t i = 1; i < n; i++) {
        double step = points[i].value - points[i - 1].value;
        judgement->grew_in += step > 0;
        judgement->fell_in += step < 0;
        up += fmax(step, 0);
        down += fmax(-step - sigmas * sqrt(points[i].variance), 0);
    }
    return up > 0 ? (up - down) / (up + down) : 0;
}

struct pace {
    double early, late, late_error;
};

/* Growth per x, in the first two thirds of x and in the last third. */
static struct pace pace_over(const struct lp_point *points, const double *x, size_t n)
{
    const struct lp_point *first = &points[0], *last = &points[n - 1];
    double two_thirds = x[0] + (x[n - 1] - x[0]) * 2 / 3, variance = 0;
    size_t split = 1;

    for (size_t i = 1; i < n - 1; i++)
        if (fabs(x[i] - two_thirds) < fabs(x[split] - two_thirds))
            split = i;
    for (size_t i = split + 1; i < n; i++)
        variance += points[i].variance;
    /* Both are upper bounds: blocks that stay count in both values, blocks that come and go in
     * every step. */
    variance = fmin(variance, points[split].value_variance + last->value_variance);
    return (struct pace){.early = (points[split].value - first->value) / (x[split] - x[0]),
                         .late = (last->value - points[split].value) / (x[n - 1] - x[split]),
                         .late_error = sqrt(variance) / (x[n - 1] - x[split])};
}

static bool is_dying(const struct pace *pace)
{
    return pace->late + sigmas * pace->late_error < dying * pace->early;
}

/* The probability that at least this many steps go up, if up and down are equally likely. */
static double chance_of_steps(const struct lp_judgement *judgement)
{
    size_t n = judgement->grew_in + judgement->fell_in;
    double ways = 1, sum = 0; /* ways to choose k of n */

    for (size_t k = n;; k--) {
        sum += ways;
        if (k == judgement->grew_in)
            return sum * pow(0.5, (double)n);
        ways *= (double)k / (double)(n - k + 1);
    }
}

static enum lp_verdict verdict_of(const struct lp_judgement *judgement, double steadiness)
{
    if (steadiness < restless)
        return LP_CHURN;
    if (judgement->dying_by_work)
        return judgement->dying_by_time ? LP_WARMING_UP : LP_TOO_EARLY;
    if (judgement->late - sigmas * judgement->late_error > 0 && steadiness >= steady &&
        judgement->trend.rises >= LP_VERDICT_SURE &&
        chance_of_steps(judgement) <= 1 - LP_VERDICT_SURE)
        return LP_LEAKING;
    return LP_TOO_EARLY;
}

void lp_judge(struct lp_judgement *judgement, struct lp_point *points, size_t n)
{
    double seconds[LP_TREND_POINTS] = {0}, values[LP_TREND_POINTS] = {0};
    double work[LP_TREND_POINTS] = {0}, busy[LP_TREND_POINTS] = {0};

    *judgement = (struct lp_judgement){.verdict = LP_TOO_EARLY};
    if (n < 2)
        return;
    choose_work(points, n);
    n = drop_idle(points, n, busy);
    judgement->snapshots = n;
    judgement->intervals = n - 1;
    if (n < LP_VERDICT_SNAPSHOTS) {
        judgement->more = LP_VERDICT_SNAPSHOTS - n;
        if (n < 2)
            return;
    }
    double steps = steadiness(judgement, points, n);
    for (size_t i = 0; i < n; i++) {
        seconds[i] = points[i].seconds;
        values[i] = points[i].value;
        work[i] = points[i].work;
    }
    lp_trend(&judgement->trend, seconds, values, n);
    if (n < LP_VERDICT_SNAPSHOTS)
        return;
    struct pace by_work = pace_over(points, work, n), by_time = pace_over(points, busy, n);
    judgement->early = by_work.early;
    judgement->late = by_work.late;
    judgement->late_error = by_work.late_error;
    judgement->dying_by_work = is_dying(&by_work);
    judgement->dying_by_time = is_dying(&by_time);
    judgement->verdict = verdict_of(judgement, steps);
}
