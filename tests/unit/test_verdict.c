/* A leak is told from a warm-up, from churn and from too little to say by how a series goes on. */
#include "unit.h"

#include <math.h>
#include <string.h>

#include "judge/discoveries.h"
#include "judge/verdict.h"

enum { N = 12, MORE = 13 };

static void direction_is_mann_and_kendalls(void **state)
{
    (void)state;
    static const double x[] = {0, 1, 2, 3, 4}, up[] = {1, 2, 3, 4, 5}, tied[] = {1, 2, 2, 3, 4},
                        down[] = {5, 4, 3, 2, 1}, flat[] = {7, 7, 7, 7, 7};
    struct lp_trend trend;

    lp_trend(&trend, x, up, 5); /* S = 10, variance 50/3: z = 9 / 4.0825 */
    assert_true(fabs(trend.rises - 0.98625) < 1e-4);
    lp_trend(&trend, x, tied, 5); /* S = 9, variance 47/3: z = 8 / 3.9581 */
    assert_true(fabs(trend.rises - 0.97837) < 1e-4);
    lp_trend(&trend, x, down, 5);
    assert_true(fabs(trend.rises - 0.01375) < 1e-4);
    lp_trend(&trend, x, flat, 5);
    assert_true(trend.rises == 0.5 && trend.slope == 0);
    lp_trend(&trend, x, up, 1);
    assert_true(trend.rises == 0);
}

static void slope_is_theil_and_sens(void **state)
{
    (void)state;
    static const double x[] = {0, 1, 2, 3, 4, 6}, wild[] = {0, 2, 4, 6, 8, 100};
    double many_x[LP_TREND_POINTS], many_y[LP_TREND_POINTS];
    struct lp_trend trend;

    lp_trend(&trend, x, wild, 6);
    assert_true(trend.slope == 2 && trend.low == 2);
    for (int i = 0; i < LP_TREND_POINTS; i++) {
        many_x[i] = i;
        many_y[i] = 3 * i + (i * 37 % LP_TREND_POINTS) / 16.0;
    }
    lp_trend(&trend, many_x, many_y, LP_TREND_POINTS);
    assert_true(trend.low < 3 && 3 < trend.high && trend.high - trend.low < 0.2);
}

/* The verdict on values that come one a second, with ten requests between two of them. */
static enum lp_verdict judged(const double *values, size_t n, struct lp_judgement *out)
{
    struct lp_point points[MORE];
    struct lp_judgement judgement;
    const struct lp_flow flow = {.kept = values[n - 1], .gone = values[0]};

    for (size_t i = 0; i < n; i++)
        points[i] = (struct lp_point){(double)i, (double)i * 10, values[i], values[i]};
    lp_judge(out ? out : &judgement, points, n, &flow);
    return out ? out->verdict : judgement.verdict;
}

static void steady_growth_leaks(void **state)
{
    (void)state;
    static const double even[N] = {0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55},
                        sampled[N] = {0, 1, 1, 3, 4, 4, 6, 7, 9, 9, 10, 12};
    struct lp_judgement judgement;

    assert_int_equal(judged(even, N, &judgement), LP_LEAKING);
    assert_int_equal(judgement.intervals, N - 1);
    assert_int_equal(judgement.grew_in, N - 1);
    assert_true(judgement.trend.slope == 5);
    assert_true(judgement.by_work.early == 0.5 && judgement.by_work.late == 0.5);
    assert_int_equal(judged(sampled, N, NULL), LP_LEAKING);
    assert_int_equal(judged(even, LP_VERDICT_SNAPSHOTS, NULL), LP_LEAKING);
}

static void what_dies_away_warms_up(void **state)
{
    (void)state;
    static const double slower[N] = {0, 20, 30, 35, 38, 39, 40, 40, 41, 41, 41, 42};

    assert_int_equal(judged(slower, N, NULL), LP_WARMING_UP);
}

/* A cache that is full, or a path that is no longer called. */
static void what_grew_and_grows_no_more_has_stopped(void **state)
{
    (void)state;
    static const double filled[N] = {0, 10, 20, 30, 40, 40, 40, 40, 40, 40, 40, 40},
                        rare[N] = {0, 1, 2, 2, 3, 4, 5, 5, 6, 6, 6, 6},
                        returned[N] = {0, 10, 20, 30, 40, 20, 0, 0, 0, 0, 0, 1};
    struct lp_judgement judgement;

    assert_int_equal(judged(filled, N, &judgement), LP_STOPPED);
    assert_true(fabs(judgement.by_work.since - 7 / 11.0) < 1e-9);
    assert_int_equal(judged(rare, N, NULL), LP_TOO_EARLY); /* a rare event may still come */
    assert_int_equal(judged(returned, N, NULL), LP_CHURN);
}

/* Exact figures show it long before the cache is full. */
static void a_cache_that_fills_shows_by_ever_smaller_steps(void **state)
{
    (void)state;
    double fills[N];
    for (int i = 0; i < N; i++)
        fills[i] = 1000 * (1 - exp(-i / 55.0)); /* a fifth of a time constant */
    assert_int_not_equal(judged(fills, N, NULL), LP_LEAKING);
}

/* Twelve rare events are enough, and five are not. Seven snapshots hardly show whether events come
 * in batches, so more are needed. */
static void a_dozen_events_are_enough(void **state)
{
    (void)state;
    static const double rare[N] = {0, 1, 1, 3, 4, 4, 6, 7, 9, 9, 10, 12},
                        fewer[N] = {0, 1, 1, 1, 2, 2, 3, 3, 3, 4, 5, 5},
                        seven[] = {0, 4, 6, 8, 11, 15, 18}, one_batch[] = {0, 0, 0, 0, 12, 12, 12};
    struct lp_judgement judgement;

    assert_int_equal(judged(rare, N, NULL), LP_LEAKING);
    assert_int_equal(judged(seven, 7, NULL), LP_LEAKING);
    assert_int_equal(judged(fewer, N, &judgement), LP_TOO_EARLY);
    assert_int_equal(judgement.why, LP_WHY_EVENTS);
    assert_int_equal(judged(one_batch, 7, &judgement), LP_TOO_EARLY);
    assert_int_equal(judgement.why, LP_WHY_STEPS);
}

/* Sessions follow the load: twice the load, twice the sessions. */
static void what_follows_the_load_is_no_leak(void **state)
{
    (void)state;
    struct lp_point points[N];
    struct lp_judgement judgement;
    double work = 0;

    for (int i = 0; i < N; i++) {
        double load = 100 + 10 * i;
        points[i] =
            (struct lp_point){.seconds = i, .work = work += load, .value = load, .things = load};
    }
    lp_judge(&judgement, points, N, &(struct lp_flow){210, 100});
    assert_int_equal(judgement.verdict, LP_TOO_EARLY);
    assert_int_equal(judgement.why, LP_WHY_LOAD);
}

/* A leak by the clock, while the load grows: by the request it seems to die away. */
static void what_dies_away_by_work_alone_is_not_said_to(void **state)
{
    (void)state;
    struct lp_point points[N];
    struct lp_judgement judgement;

    for (int i = 0; i < N; i++)
        points[i] = (struct lp_point){.seconds = i, .work = i * i * i, .value = i * 5};
    lp_judge(&judgement, points, N, &(struct lp_flow){30, 0});
    assert_true(judgement.by_work.dying && !judgement.by_time.dying);
    assert_int_equal(judgement.verdict, LP_TOO_EARLY);
}

/* And a pause in the load is not time in which it would have died away. */
static void a_warm_up_is_one_with_a_pause_in_it(void **state)
{
    (void)state;
    static const double filled[N] = {0, 20, 30, 35, 38, 39, 40, 40, 40, 40, 41, 41};
    struct lp_point points[N];
    struct lp_judgement judgement;

    for (int i = 0; i < N; i++)
        points[i] = (struct lp_point){
            .seconds = i < 8 ? i : 1000 + i, .work = i < 8 ? i : i - 1, .value = filled[i]};
    lp_judge(&judgement, points, N, &(struct lp_flow){30, 0});
    assert_int_equal(judgement.snapshots, N - 1);
    assert_true(judgement.by_work.dying && judgement.by_time.dying);
    assert_int_equal(judgement.verdict, LP_WARMING_UP);
}

/* A table that was made late, or grew once more: Mann and Kendall are sure of these. */
static void a_few_steps_are_no_leak(void **state)
{
    (void)state;
    static const double once[N] = {0, 0, 0, 0, 0, 0, 0, 0, 40, 40, 40, 40},
                        twice[N] = {0, 0, 0, 0, 8, 8, 8, 8, 16, 16, 16, 16},
                        late[N] = {0, 0, 0, 0, 0, 0, 5, 10, 15, 20, 25, 30};
    struct lp_judgement judgement;

    assert_int_equal(judged(once, N, &judgement), LP_TOO_EARLY);
    assert_true(judgement.trend.rises >= LP_VERDICT_SURE);
    assert_int_equal(judged(twice, N, &judgement), LP_TOO_EARLY);
    assert_true(judgement.trend.rises >= LP_VERDICT_SURE);
    assert_int_equal(judged(late, N, NULL), LP_LEAKING);
}

/* Upwards for sure, to Mann and Kendall; but a coin falls so as well. */
static void a_drift_is_no_leak(void **state)
{
    (void)state;
    static const double drift[N] = {1000, 1009, 1008, 1018, 1027, 1026,
                                    1035, 1034, 1044, 1053, 1052, 1061};
    struct lp_judgement judgement;

    assert_int_equal(judged(drift, N, &judgement), LP_TOO_EARLY);
    assert_true(judgement.trend.rises > LP_VERDICT_SURE);
    assert_int_equal(judgement.grew_in, 7);
    assert_int_equal(judgement.fell_in, 4);
}

/* Each time twice as large as before: most of its blocks came at once. */
static void a_table_that_doubles_is_no_leak(void **state)
{
    (void)state;
    static const double doubles[MORE] = {0, 0, 1, 2, 2, 4, 8, 8, 16, 16, 32, 32, 32},
                        sooner[MORE] = {0, 0, 0, 1, 2, 4, 4, 8, 8, 16, 16, 32, 32};

    assert_int_equal(judged(doubles, MORE, NULL), LP_TOO_EARLY);
    assert_int_equal(judged(sooner, MORE, NULL), LP_TOO_EARLY);
}

/* Six equal steps scatter by nothing, but six events are few. */
static void even_steps_of_one_event_are_not_certain(void **state)
{
    (void)state;
    static const double six[] = {0, 1, 2, 3, 4, 5, 6}, forty[] = {0, 40, 80, 120, 160, 200, 240};
    struct lp_judgement judgement;

    assert_int_equal(judged(six, 7, &judgement), LP_TOO_EARLY);
    assert_int_equal(judgement.why, LP_WHY_EVENTS);
    assert_true(judgement.chance > LP_VERDICT_CHANCE);
    assert_int_equal(judged(forty, 7, &judgement), LP_LEAKING);
}

/* It grew, and half of it went again: "nothing was given back" would be wrong. */
static void what_goes_again_has_not_stopped(void **state)
{
    (void)state;
    static const double goes[N] = {0, 20, 40, 60, 80, 80, 80, 75, 70, 60, 55, 50};

    assert_int_equal(judged(goes, N, NULL), LP_WARMING_UP);
}

/* No snapshot, one and two; snapshots at one time; clocks and counters that go back. */
static void odd_series_give_no_verdict_and_no_nonsense(void **state)
{
    (void)state;
    const struct lp_flow flow = {.kept = 30};
    struct lp_point points[N], some[N];
    struct lp_judgement judgement;

    for (int i = 0; i < N; i++)
        points[i] =
            (struct lp_point){.seconds = i, .work = i * 10, .value = i * 5, .things = i * 5};
    for (size_t n = 0; n <= 2; n++) {
        memcpy(some, points, sizeof some);
        lp_judge(&judgement, some, n, &flow);
        assert_int_equal(judgement.verdict, LP_TOO_EARLY);
        assert_int_equal(judgement.why, LP_WHY_SNAPSHOTS);
        assert_true(judgement.chance > 0 && judgement.chance <= 1);
    }
    for (int odd = 0; odd < 4; odd++) {
        memcpy(some, points, sizeof some);
        if (odd == 0)
            some[5].seconds = some[4].seconds;
        else if (odd == 1)
            some[5].seconds = some[2].seconds - 100;
        else if (odd == 2)
            some[6].work = 0; /* counts anew */
        else
            for (int i = 0; i < N; i++)
                some[i].seconds = 7;
        lp_judge(&judgement, some, N, &flow);
        assert_int_equal(judgement.verdict, odd == 3 ? LP_TOO_EARLY : LP_LEAKING);
        assert_true(judgement.chance >= 0 && judgement.chance <= 1);
        assert_true(isfinite(judgement.trend.slope) && isfinite(judgement.by_time.early));
        assert_true(isfinite(judgement.by_work.late) && isfinite(judgement.by_time.late));
    }
    for (int i = 0; i < N; i++)
        points[i].value = points[i].things = i * 1e18;
    lp_judge(&judgement, points, N, &(struct lp_flow){.kept = 1e19, .gone = 1e18});
    assert_true(judgement.chance >= 0 && judgement.chance <= 1 && isfinite(judgement.trend.slope));
}

static void ups_and_downs_are_churn(void **state)
{
    (void)state;
    static const double restless[N] = {0, 9, 2, 8, 1, 9, 3, 7, 2, 9, 1, 6};

    assert_int_equal(judged(restless, N, NULL), LP_CHURN);
}

static void too_little_says_nothing(void **state)
{
    (void)state;
    static const double even[N] = {0, 5, 10, 15, 20, 25},
                        noise[N] = {0, 1, 0, 1, 1, 2, 1, 2, 1, 2, 2, 2};
    struct lp_judgement judgement;

    assert_int_equal(judged(even, 6, &judgement), LP_TOO_EARLY);
    assert_int_equal(judgement.more, 1);
    assert_int_equal(judged(even, 2, &judgement), LP_TOO_EARLY);
    assert_int_equal(judgement.more, 5);
    assert_int_equal(judged(noise, N, &judgement), LP_TOO_EARLY);
    assert_int_equal(judgement.more, 0);
}

static void a_pause_is_no_evidence(void **state)
{
    (void)state;
    struct lp_point points[N];
    struct lp_judgement judgement;

    /* The load ended after the seventh: the leak did not die away. */
    for (int i = 0; i < N; i++)
        points[i] = (struct lp_point){
            .seconds = i, .work = i < 7 ? i * 10 : 60, .value = i < 7 ? i * 5 : 30};
    lp_judge(&judgement, points, N, &(struct lp_flow){30, 0});
    assert_int_equal(judgement.verdict, LP_LEAKING);
    assert_int_equal(judgement.snapshots, 7);

    /* Nor when what was under way is given back in the pause. */
    for (int i = 0; i < N; i++)
        points[i] = (struct lp_point){
            .seconds = i, .work = i < 7 ? i * 10 : 60, .value = i < 7 ? i * 5 : 26};
    lp_judge(&judgement, points, N, &(struct lp_flow){30, 0});
    assert_int_equal(judgement.verdict, LP_LEAKING);
    assert_int_equal(judgement.snapshots, 7);

    /* It goes on without the load: then time is what counts. */
    for (int i = 0; i < N; i++)
        points[i] = (struct lp_point){.seconds = i, .work = i < 3 ? i * 10 : 20, .value = i * 5};
    lp_judge(&judgement, points, N, &(struct lp_flow){30, 0});
    assert_int_equal(judgement.verdict, LP_LEAKING);
    assert_int_equal(judgement.snapshots, N);
}

/* Without a leak, all chances are equally likely: some place passes in one of twenty windows,
 * however many are tested. */
static void many_places_are_tested_at_once(void **state)
{
    (void)state;
    enum { WINDOWS = 2000, PLACES = 200 };
    double chances[PLACES], none[1] = {1};
    uint64_t seed = 1;
    size_t passed = 0;

    for (int w = 0; w < WINDOWS; w++) {
        double smallest = 1;
        for (int i = 0; i < PLACES; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            chances[i] = ((double)(seed >> 11) + 0.5) * 0x1p-53;
            smallest = fmin(smallest, chances[i]);
        }
        passed += smallest <= lp_discoveries(chances, PLACES, PLACES, 0.05);
    }
    assert_in_range(passed, WINDOWS * 4 / 100, WINDOWS * 6 / 100);

    double leaks[] = {0.9, 0.002, 0.001, 0.5, 0.003}; /* three of five */
    assert_true(fabs(lp_discoveries(leaks, 5, 5, 0.05) - 0.03) < 1e-12);
    double grew[] = {0.002, 0.001, 0.003}; /* the other two fell, and were tested, too */
    assert_true(fabs(lp_discoveries(grew, 3, 5, 0.05) - 0.03) < 1e-12);
    assert_true(fabs(lp_discoveries(none, 0, 5, 0.05) - 0.01) < 1e-12);
    assert_true(lp_discoveries(none, 0, 0, 0.05) == 0.05);
    assert_true(lp_discoveries(none, 1, 1, 0.05) == 0.05);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(direction_is_mann_and_kendalls),
        cmocka_unit_test(slope_is_theil_and_sens),
        cmocka_unit_test(steady_growth_leaks),
        cmocka_unit_test(what_dies_away_warms_up),
        cmocka_unit_test(what_grew_and_grows_no_more_has_stopped),
        cmocka_unit_test(a_cache_that_fills_shows_by_ever_smaller_steps),
        cmocka_unit_test(a_dozen_events_are_enough),
        cmocka_unit_test(what_follows_the_load_is_no_leak),
        cmocka_unit_test(what_dies_away_by_work_alone_is_not_said_to),
        cmocka_unit_test(a_warm_up_is_one_with_a_pause_in_it),
        cmocka_unit_test(a_few_steps_are_no_leak),
        cmocka_unit_test(a_drift_is_no_leak),
        cmocka_unit_test(a_table_that_doubles_is_no_leak),
        cmocka_unit_test(even_steps_of_one_event_are_not_certain),
        cmocka_unit_test(what_goes_again_has_not_stopped),
        cmocka_unit_test(odd_series_give_no_verdict_and_no_nonsense),
        cmocka_unit_test(ups_and_downs_are_churn),
        cmocka_unit_test(too_little_says_nothing),
        cmocka_unit_test(a_pause_is_no_evidence),
        cmocka_unit_test(many_places_are_tested_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
