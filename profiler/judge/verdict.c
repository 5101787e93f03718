#include "judge/verdict.h"

#include <math.h>

static const double steady = 0.3; /* the deepest fall of a leak, as a share of its growth */
static const double restless = 1; /* of churn */
static const double idle_share =
    0.1; /* up to this share of growth without work, work explains the growth */
static const double sigmas = 2;
/* The scatter of few steps is hardly known: their dispersion is taken as twice what it seems, and
 * as 1.5 at least. Many steps are put together to so many: what is in flight at each snapshot is
 * then less beside what grows. */
enum { segments = 8, few_steps = 10, many_steps = 32 };
static const double few_factor = 2, few_batches = 1.5;
static const double batches = 3;      /* above this dispersion events do not count one by one */
static const double may_grow = 0.05;  /* at a smaller chance, or without events, the slope counts */
static const double load_rise = 1.15; /* a rise of the load that is one */
static const double with_load = 1.25; /* up to this factor, what is held rises as the load does */

const char *lp_verdict_name(enum lp_verdict verdict)
{
    static const char *const names[] = {"leaking", "too early to say", "warming up",
                                        "stopped", "high water",       "churn"};
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

/* Merges each point without work, or without time, since the point before into that point, with the
 * later value, which is the one that counts. So time and work rise strictly afterwards, even if a
 * counter begins anew. In busy: the time with work until then. */
static size_t drop_idle(struct lp_point *points, size_t n, double *busy)
{
    double before = points[0].seconds; /* time of the point before, kept or not */
    size_t kept = 1;

    busy[0] = 0;
    for (size_t i = 1; i < n; i++) {
        double seconds = points[i].seconds - before;
        before = fmax(points[i].seconds, before);
        if (points[i].work > points[kept - 1].work && seconds > 0) {
            busy[kept] = busy[kept - 1] + seconds;
            points[kept++] = points[i];
        } else {
            points[kept - 1].value = points[i].value;
            points[kept - 1].things = points[i].things;
        }
    }
    return kept;
}

static void count_steps(struct lp_judgement *judgement, const struct lp_point *points, size_t n)
{
    double peak = points[0].value, deepest = 0, growth = points[n - 1].value - points[0].value;

    for (size_t i = 1; i < n; i++) {
        judgement->grew_in += points[i].value > points[i - 1].value;
        judgement->fell_in += points[i].value < points[i - 1].value;
        peak = fmax(peak, points[i].value);
        deepest = fmax(deepest, peak - points[i].value);
    }
    judgement->fall = growth > 0 ? deepest / growth : HUGE_VAL;
    judgement->steps_needed = n / 4 + 3 < LP_VERDICT_STEPS ? n / 4 + 3 : LP_VERDICT_STEPS;
}

/* The value of one event. */
static double unit_of(const struct lp_point *points, size_t n)
{
    double value = 0, things = 0;

    for (size_t i = 0; i < n; i++) {
        value += fabs(points[i].value);
        things += points[i].things;
    }
    return things > 0 ? value / things : 1;
}

/* The steps between at most `most` points, which are about equally far apart in work. Returns how
 * many. */
static size_t steps_of(const double *values, const double *work, size_t n, size_t most,
                       double *steps, double *widths)
{
    size_t kept = 0, last = 0;

    for (size_t i = 1; i < n; i++) {
        double due = work[0] + (work[n - 1] - work[0]) * (double)(kept + 1) / (double)most;
        if (i + 1 < n && (n - 1 > most) && work[i] < due - (work[i + 1] - work[i]) / 2)
            continue;
        steps[kept] = values[i] - values[last];
        widths[kept++] = work[i] - work[last];
        last = i;
    }
    return kept;
}

/* How many events come at once, on average. Only where nearly nothing that was there before went,
 * what is in flight makes the steps scatter. */
static double dispersion_of(const struct lp_flow *flow, const double *steps, const double *widths,
                            size_t m, double unit)
{
    double work = 0, events = fmax(flow->kept + flow->gone, 1);
    bool in_flight = flow->gone < flow->kept / 8;

    for (size_t i = 0; i < m; i++)
        work += widths[i];
    double scatter = in_flight
                         ? lp_long_scatter(steps, widths, m)
                         : fmax(lp_long_scatter(steps, widths, m), lp_scatter(steps, widths, m)),
           dispersion = scatter * work / (events * unit * unit),
           error = hypot(lp_long_scatter_error(m), 1 / sqrt(events));
    return dispersion > 1 + sigmas * error ? dispersion : 1;
}

/* Few long steps show less of what is in flight at each snapshot; many short ones are more. */
static void set_chances(struct lp_judgement *judgement, const double *values, const double *work,
                        size_t n, double unit)
{
    double steps[LP_TREND_POINTS], widths[LP_TREND_POINTS];

    for (; n > 2 && values[0] == values[1]; n--) { /* the time before it began tells nothing */
        values++;
        work++;
    }
    size_t m = steps_of(values, work, n, segments, steps, widths);
    double chance = lp_chance_of_steps(steps, widths, m, unit);
    m = steps_of(values, work, n, LP_TREND_POINTS, steps, widths);
    chance = fmin(chance, lp_chance_of_steps(steps, widths, m, unit));
    m = steps_of(values, work, n, many_steps, steps, widths);
    double dispersion = dispersion_of(&judgement->flow, steps, widths, m, unit);
    chance = fmin(chance, lp_chance_of_signs(judgement->grew_in, judgement->fell_in));
    judgement->chance = judgement->listing = chance;
    if (dispersion <= batches)
        judgement->listing = fmin(chance, lp_chance_of_events(&judgement->flow, dispersion));
    if (m < few_steps) /* these hardly show whether events come in batches */
        dispersion = fmax(few_factor * dispersion, few_batches);
    if (dispersion <= batches)
        judgement->chance = fmin(chance, lp_chance_of_events(&judgement->flow, dispersion));
}

/* Compares the load, and what is held, in the first third of the time and in the last. */
static bool follows_load(const double *values, const double *work, const double *busy, size_t n)
{
    double held[2] = {0}, load[2] = {0}, time = busy[n - 1];
    size_t points[2] = {0};

    for (size_t i = 1; i < n; i++) {
        int part = busy[i] <= time / 3 ? 0 : busy[i - 1] >= time * 2 / 3 ? 1 : -1;
        if (part < 0)
            continue;
        points[part]++;
        held[part] += values[i];
        load[part] += (work[i] - work[i - 1]) / (busy[i] - busy[i - 1]);
    }
    if (points[0] == 0 || points[1] == 0)
        return false;
    double rise = load[1] / (double)points[1] / (load[0] / (double)points[0]);
    return rise >= load_rise &&
           held[1] / (double)points[1] <= with_load * rise * held[0] / (double)points[0];
}

void lp_decide(struct lp_judgement *j, double chance)
{
    j->verdict = LP_TOO_EARLY;
    if (j->snapshots < LP_VERDICT_SNAPSHOTS)
        j->why = LP_WHY_SNAPSHOTS;
    else if (j->fall >= restless)
        j->verdict = LP_CHURN;
    else if (j->by_work.stopped && j->by_time.stopped && j->fall <= steady)
        j->verdict = LP_STOPPED;
    else if (j->by_work.dying && j->by_time.dying)
        j->verdict = LP_WARMING_UP;
    else if (j->by_work.dying)
        j->why = LP_WHY_PACE;
    else if (j->by_load)
        j->why = LP_WHY_LOAD;
    else if (j->by_work.slowing && j->by_time.slowing)
        j->why = LP_WHY_SLOWING;
    else if (j->chance > chance && lp_chance_of_events(&j->flow, 1) > chance && j->fell_in == 0)
        j->why = LP_WHY_EVENTS;
    else if (j->grew_in < j->steps_needed)
        j->why = LP_WHY_STEPS;
    else if (j->chance > chance)
        j->why = LP_WHY_CHANCE;
    else if (j->fall > steady || j->trend.rises < LP_VERDICT_SURE)
        j->why = LP_WHY_CHANCE;
    else
        j->verdict = LP_LEAKING;
}

void lp_judge(struct lp_judgement *judgement, struct lp_point *points, size_t n,
              const struct lp_flow *flow)
{
    double seconds[LP_TREND_POINTS] = {0}, values[LP_TREND_POINTS] = {0};
    double work[LP_TREND_POINTS] = {0}, busy[LP_TREND_POINTS] = {0};

    *judgement =
        (struct lp_judgement){.verdict = LP_TOO_EARLY, .flow = *flow, .chance = 1, .listing = 1};
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
    count_steps(judgement, points, n);
    for (size_t i = 0; i < n; i++) {
        seconds[i] = points[i].seconds;
        values[i] = points[i].value;
        work[i] = points[i].work;
    }
    double unit = unit_of(points, n);
    set_chances(judgement, values, work, n, unit);
    if (judgement->listing <= may_grow || !(flow->kept + flow->gone > 0))
        lp_trend(&judgement->trend, seconds, values, n);
    else
        judgement->trend.rises = lp_rises(values, n);
    if (n >= 3) {
        lp_pace(&judgement->by_work, values, work, n, unit);
        lp_pace(&judgement->by_time, values, busy, n, unit);
    }
    judgement->by_load = flow->gone > 0 && follows_load(values, work, busy, n);
    lp_decide(judgement, LP_VERDICT_CHANCE);
}
