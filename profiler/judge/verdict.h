/*
 * The verdict on a place, from its values in a series of snapshots.
 *
 *   leaking       an upward trend at the confidence LP_VERDICT_SURE, by both tests, that hardly
 *                 ever fell; and the last third of the work added at least half as much per
 *                 unit of work as the first two thirds
 *   warming up    the last third added less than half as much, per work and per time
 *   churn         the value goes up and down and stays about the same
 *   too early     too few snapshots, or growth too small beside its error; `more` tells how
 *                 many snapshots are missing
 *
 * Work makes a place grow: requests if the program counts them, otherwise all bytes that it
 * allocates. Snapshots without work in between have no information, and are left out. Growth
 * without any work is judged by time.
 *
 * The Mann-Kendall test assumes that values scatter about a trend. But what a program holds drifts:
 * each value begins where the last one ended, and a drift of a few steps looks like a trend. So a
 * sign test of the steps is required too: how likely are so many rises by chance? It needs six
 * steps or more. A single allocation is one step, whenever it happens.
 *
 * Pure functions; any thread.
 */
#ifndef LP_JUDGE_VERDICT_H
#define LP_JUDGE_VERDICT_H

#include <stdbool.h>
#include <stddef.h>

#include "judge/trend.h"

#define LP_VERDICT_SURE 0.98 /* one-sided confidence in the direction, required of both tests */
enum { LP_VERDICT_SNAPSHOTS = 7, LP_VERDICT_STEPS = 6 }; /* the fewest that allow this confidence */

enum lp_verdict { LP_LEAKING, LP_TOO_EARLY, LP_WARMING_UP, LP_HIGH_WATER, LP_CHURN };
const char *lp_verdict_name(enum lp_verdict verdict); /* "leaking", "too early to say" … */

/* The state at one snapshot. */
struct lp_point {
    double seconds, work, value; /* seconds and work never fall */
    double variance;             /* of the growth since the point before; 0: exact */
    double value_variance;       /* of the value itself */
};

struct lp_judgement {
    enum lp_verdict verdict;
    size_t snapshots;                   /* with work before them */
    size_t intervals, grew_in, fell_in; /* between those; in the others it did not change */
    struct lp_trend trend;              /* per second */
    double early, late; /* growth per work: the first two thirds, the last; the latter's error: */
    double late_error;
    bool dying_by_work, dying_by_time; /* less than half as much in the last third, for
                                        * certain; time without work is left out */
    size_t more; /* too early: how many snapshots are missing; 0: another cause */
};

/* Changes the points. */
void lp_judge(struct lp_judgement *judgement, struct lp_point *points, size_t n);

#endif
