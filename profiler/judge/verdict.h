/*
 * The verdict on a place, from its values in a series of snapshots.
 *
 *   leaking       growth that chance does not explain (judge/chance.h), in several steps, with an
 *                 upward trend, that hardly ever fell, does not slow down (judge/pace.h), and does
 *                 not follow the load
 *   too early     one of these is missing: `why` tells which
 *   warming up    the last third of the work added less than half as much as the first two
 *                 thirds, per work and per time
 *   stopped       it grew, then no more, and nothing was given back
 *   churn         the value goes up and down and stays about the same
 *
 * Work makes a place grow: requests if the program counts them, otherwise all bytes that it
 * allocates. Snapshots without work in between have no information, and are left out. Growth
 * without any work is judged by time.
 *
 * A cache that fills and has never released anything grows like a leak. If its growth slows down,
 * that shows (judge/pace.h); until then nothing in its figures differs from a leak.
 *
 * Pure functions; any thread.
 */
#ifndef LP_JUDGE_VERDICT_H
#define LP_JUDGE_VERDICT_H

#include <stdbool.h>
#include <stddef.h>

#include "judge/chance.h"
#include "judge/pace.h"
#include "judge/trend.h"

#define LP_VERDICT_CHANCE 0.0005 /* leaking: by chance at most so often, of one place alone */
#define LP_VERDICT_SURE 0.98     /* one-sided confidence in the trend */
enum { LP_VERDICT_SNAPSHOTS = 7, LP_VERDICT_STEPS = 6 };

enum lp_verdict { LP_LEAKING, LP_TOO_EARLY, LP_WARMING_UP, LP_STOPPED, LP_HIGH_WATER, LP_CHURN };
const char *lp_verdict_name(enum lp_verdict verdict); /* "leaking", "too early to say" … */

/* The state at one snapshot. */
struct lp_point {
    double seconds, work, value;
    double things; /* how many recorded blocks, threads… make up the value */
};

/* Why it is too early, and what would settle it. */
enum lp_why {
    LP_WHY_SNAPSHOTS, /* fewer than LP_VERDICT_SNAPSHOTS with work: `more` are missing */
    LP_WHY_EVENTS,    /* too few recorded events: more load, or a finer rate */
    LP_WHY_STEPS,     /* all growth in few steps, as one-time allocations have it: a longer load */
    LP_WHY_CHANCE,    /* it goes up and down too much: more snapshots and more load */
    LP_WHY_SLOWING,   /* less and less, but not yet by half: a longer load */
    LP_WHY_PACE,      /* slowing per work, but not per time: a steady load */
    LP_WHY_LOAD,      /* the load rose, and what is held rose with it: a steady load */
};

struct lp_judgement {
    enum lp_verdict verdict;
    enum lp_why why;                    /* too early */
    size_t more;                        /* LP_WHY_SNAPSHOTS */
    size_t snapshots;                   /* with work before them */
    size_t intervals, grew_in, fell_in; /* between those; in the others it did not change */
    size_t steps_needed;                /* grew_in of a leak */
    struct lp_trend trend;              /* per second; no slope if growth is likely by chance */
    struct lp_flow flow;                /* in events */
    double chance;                      /* of such growth without a leak */
    double listing; /* the same if events are single wherever few steps do not show that they are
                       not: enough to be listed, not to be called a leak */
    double fall;    /* the deepest one, as a share of the growth */
    struct lp_pace by_work, by_time; /* time without work is left out */
    bool by_load;                    /* it may have risen because the load did */
};

/* Judges with LP_VERDICT_CHANCE. Changes the points. */
void lp_judge(struct lp_judgement *judgement, struct lp_point *points, size_t n,
              const struct lp_flow *flow);

/* Judges again, when many places are tested at once. */
void lp_decide(struct lp_judgement *judgement, double chance);

#endif
