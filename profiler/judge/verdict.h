/*
 * A verdict on a place, from how what it holds went on from snapshot to snapshot.
 *
 *   leaking       a trend upwards that is LP_VERDICT_SURE sure, and by its steps as well, hardly
 *                 ever downwards, and the last third of the work still adds at least half as much
 *                 as the first two did
 *   warming up    that last third adds less than half as much, and so does the last third of the
 *                 time: it is dying away
 *   churn         it goes up and down, and stays about where it was
 *   too early     too few snapshots, or too small beside its error: `more` says what would settle
 * it
 *
 * Work is what makes a place grow: requests, where the program counts them, else what it allocates
 * in all. Snapshots between which nothing was done tell nothing, and are left out; growth without
 * any work is judged by time.
 *
 * Mann and Kendall suppose that values scatter about a trend. What a program holds drifts: each
 * value begins where the last one ended, and a drift of a few steps looks like a trend. So the
 * steps are asked, too, by the sign test: would a coin fall upwards so often? That takes six steps
 * at least, and what was allocated once, however late, is one.
 *
 * Pure functions; any thread.
 */
#ifndef LP_JUDGE_VERDICT_H
#define LP_JUDGE_VERDICT_H

#include <stdbool.h>
#include <stddef.h>

#include "judge/trend.h"

#define LP_VERDICT_SURE 0.98 /* of the direction, one-sided, of either test */
enum { LP_VERDICT_SNAPSHOTS = 7, LP_VERDICT_STEPS = 6 }; /* the fewest that can be so sure */

enum lp_verdict { LP_LEAKING, LP_TOO_EARLY, LP_WARMING_UP, LP_HIGH_WATER, LP_CHURN };
const char *lp_verdict_name(enum lp_verdict verdict); /* "leaking", "too early to say" … */

/* What was held at one snapshot. */
struct lp_point {
    double seconds, work, value; /* the first two never fall */
    double variance;             /* of the growth since the point before; 0: it is exact */
    double value_variance;       /* of the value itself */
};

struct lp_judgement {
    enum lp_verdict verdict;
    size_t snapshots;                   /* that told something */
    size_t intervals, grew_in, fell_in; /* between them; the rest stood still */
    struct lp_trend trend;              /* a second */
    double early, late; /* growth per work, in the first two thirds and in the last; the error of
                         * the second: */
    double late_error;
    bool dying_by_work, dying_by_time; /* the last third adds less than half as much, for certain;
                                        * time without work is left out */
    size_t more; /* too early: so many snapshots are missing; 0: it is something else */
};

/* points is changed. */
void lp_judge(struct lp_judgement *judgement, struct lp_point *points, size_t n);

#endif
