/* The rate that follows its cost: what a budget allows for a given load, and figures that stay
 * right while the rate changes. */
#include "unit.h"

#include <math.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "config.h"
#include "heap.h"
#include "leakprof.h"
#include "record/autorate.h"
#include "record/rate.h"
#include "record/ratebudget.h"

#define SECOND INT64_C(1000000000)

/* A program that allocates `blocks` of `size` bytes per second, recorded at `rate`. */
static struct lp_budget_load load_of(double blocks, double size, int64_t rate)
{
    struct lp_budget_load load = {
        .elapsed_ns = SECOND, .cpu_ns = SECOND, .rate = rate, .finest = 1, .cost_ns = 1000};
    int class = lp_budget_class((uint64_t)size);
    load.class[class].objects = blocks;
    load.class[class].bytes = blocks * size;
    return load;
}

static void few_small_blocks_are_recorded_exactly(void **state)
{
    (void)state;
    struct lp_budget_load load = load_of(5000, 100, 32);
    load.cpu_ns = SECOND / 100; /* of a program that uses little CPU time, too */
    assert_int_equal(lp_budget_rate(&load), 1);
    load.rate = 1;
    assert_int_equal(lp_budget_rate(&load), 1);
    load = load_of(0, 1, 1);
    assert_int_equal(lp_budget_rate(&load), 1);
}

/* From every rate, at every load, the next second is within the budget. */
static void every_load_is_within_the_budget(void **state)
{
    (void)state;
    for (int64_t blocks = 10; blocks < 1000000000; blocks *= 3)
        for (int64_t size = 16; size < 1000000; size *= 5)
            for (int64_t rate = 1; rate <= LP_BUDGET_RATE_MAX; rate *= 4) {
                struct lp_budget_load load = load_of((double)blocks, (double)size, rate);
                for (int second = 0; second < 5; second++) {
                    load.rate = lp_budget_rate(&load);
                    double p = load.rate == 1 ? 1 : -expm1((double)-size / (double)load.rate);
                    if ((double)blocks * p > LP_BUDGET_EXACT && load.rate < LP_BUDGET_RATE_MAX)
                        assert_true((double)blocks * p * (double)load.cost_ns <=
                                    5e-3 * (double)SECOND);
                }
                assert_int_equal(lp_budget_rate(&load), load.rate); /* then it stays */
            }
}

/* Without a sample, little is known of the load. The rate comes closer, second by second. */
static void a_quiet_program_gets_exact_within_seconds(void **state)
{
    (void)state;
    struct lp_budget_load load = load_of(0, 1, 524288);
    int seconds = 0;
    for (int64_t rate = load.rate; rate > 1; load.rate = rate, seconds++) {
        rate = lp_budget_rate(&load);
        assert_true(rate < load.rate);
    }
    assert_in_range(seconds, 1, 4);
}

static void more_cpu_time_allows_more(void **state)
{
    (void)state;
    struct lp_budget_load load = load_of(1e7, 100, 524288);
    int64_t one = lp_budget_rate(&load);
    assert_int_equal(lp_budget_samples(&load, one), 5000);
    load.cpu_ns = 16 * SECOND;
    assert_int_equal(lp_budget_samples(&load, one), 80000);
    assert_true(lp_budget_rate(&load) <= one / 8);
    load.cost_ns *= 16;
    assert_int_equal(lp_budget_samples(&load, one), 5000);
    load.cpu_ns = 0;
    assert_int_equal(lp_budget_samples(&load, one), LP_BUDGET_NS_LEAST / load.cost_ns);
}

/* A leak that is recorded exactly must not use up the memory. */
static void records_stay_within_their_memory(void **state)
{
    (void)state;
    const int64_t most = LP_BUDGET_MEMORY / LP_BUDGET_RECORD;
    double live = 0;
    int64_t rate = 1;
    for (int second = 0; second < 3600; second++) {
        struct lp_budget_load load = load_of(5000, 100, rate);
        double samples = rate == 1 ? 5000 : 5000 * -expm1(-100 / (double)rate);
        load.samples = load.grown = (int64_t)samples;
        live += samples;
        load.live = (int64_t)live;
        if (second < 100)
            assert_int_equal(rate, 1);
        rate = lp_budget_rate(&load);
    }
    assert_true(live < (double)most * 1.01);
}

static void unattended_it_stays_coarse(void **state)
{
    (void)state;
    struct lp_budget_load load = load_of(0, 1, 1);
    load.finest = LP_RATE_START;
    assert_int_equal(lp_budget_rate(&load), LP_RATE_START);
    load.rate = LP_RATE_START;
    assert_int_equal(lp_budget_rate(&load), LP_RATE_START);
}

/* The rates change at random moments, also because of what was sampled. The totals are right all
 * the same, and the stated error covers them as often as it should. */
static void figures_are_unbiased_across_every_change(void **state)
{
    (void)state;
    NEEDS_HOOKED_HEAP();
    enum { RUNS = 200, BLOCKS = 1000, SIZE = 1777 };
    static const int64_t rates[] = {1, 256, 4096, 16384, 65536, 262144};
    static void *blocks[BLOCKS];
    unsigned short random[3] = {4, 5, 6};
    double bias = 0, variances = 0;
    int inside = 0;
    for (int run = 0; run < RUNS; run++) {
        double variance;
        int64_t before = 0;
        lp_self.random = 1000003u * (unsigned)(run + 1);
        lp_rate_set(rates[run % 6]);
        for (int i = 0; i < BLOCKS; i++) {
            blocks[i] = opaque(malloc(SIZE));
            int64_t now = in_use(SIZE, NULL);
            /* at random, or after a sample, as when the tokens are used up */
            if (erand48(random) < 0.01 || (now != before && erand48(random) < 0.1))
                lp_rate_set(rates[nrand48(random) % 6]);
            before = now;
        }
        double off = (double)in_use(SIZE, &variance) - (double)BLOCKS * SIZE;
        inside += fabs(off) <= 1.96 * sqrt(variance);
        bias += off;
        variances += variance;
        for (int i = 0; i < BLOCKS; i++)
            free(blocks[i]);
        assert_int_equal(in_use(SIZE, NULL), 0);
    }
    assert_true(fabs(bias) < 3 * sqrt(variances));
    assert_in_range(inside, RUNS * 86 / 100, RUNS * 99 / 100);
    lp_rate_set(1);
}

/* A burst uses up the tokens, and the rate is coarser before a second is over. Nobody looks
 * meanwhile. */
static void a_burst_is_bounded_by_its_tokens(void **state)
{
    (void)state;
    NEEDS_HOOKED_HEAP();
    enum { BURST = 2000000 };
    struct lp_rates rates;
    lp_rate_set(0);
    lp_rate_set(LP_RATE_AUTO);
    lp_autorate_look();
    assert_true(lp_rate_automatic());
    assert_int_equal(lp_rate(), 1);
    struct leakprof_stats before, after;
    leakprof_stats(&before);
    int exactly = 0;
    for (int i = 0; i < BURST; i++) {
        exactly += lp_rate() == 1;
        free(opaque(malloc(48)));
    }
    leakprof_stats(&after);
    assert_in_range(exactly, 0, LP_BUDGET_EXACT + 1);
    assert_true(lp_rate() > 16);
    lp_rates_read(&rates);
    assert_true(rates.automatic);
    double counted = (double)(after.heap_alloc_objects - before.heap_alloc_objects);
    assert_true(fabs(counted - BURST) < 6 * (double)after.heap_alloc_objects_error + 1000);
    lp_rate_set(1);
    assert_false(lp_rate_automatic());
    assert_int_equal(lp_rate(), 1);
}

/* A decision that was made before the rate was given a number must not change it. */
static void a_number_stays(void **state)
{
    (void)state;
    lp_rate_set(LP_RATE_AUTO);
    int64_t old = lp_rate();
    assert_true(lp_rate_follow(old, 4096));
    assert_int_equal(lp_rate(), 4096);
    assert_false(lp_rate_follow(old, 8192)); /* another thread was faster */
    lp_rate_set(4096);
    assert_false(lp_rate_follow(4096, 8192));
    assert_int_equal(lp_rate(), 4096);
    lp_rate_set(0);
    assert_false(lp_rate_follow(0, 1));
    assert_int_equal(lp_rate(), 0);
    lp_rate_set(1);
}

static void churn(int64_t ns)
{
    struct timespec now;
    int64_t end = 0;
    do {
        for (int i = 0; i < 1000; i++)
            free(opaque(malloc(48)));
        clock_gettime(CLOCK_MONOTONIC, &now);
        end = end ? end : (int64_t)now.tv_sec * SECOND + now.tv_nsec + ns;
    } while ((int64_t)now.tv_sec * SECOND + now.tv_nsec < end);
}

static int64_t allowed_ns(void) /* per second, for samples */
{
    struct lp_autorate_state now = lp_autorate_read();
    return now.allowed * now.cost_ns;
}

/* The budget of a program that is busy. Without the profiler's thread, and in a child, which has
 * used no CPU time yet, the rate is coarse. */
static void a_child_and_a_stopped_server_begin_anew(void **state)
{
    (void)state;
    NEEDS_HOOKED_HEAP();
    lp_rate_set(LP_RATE_AUTO);
    lp_autorate_look();
    for (int i = 0; i < 3; i++) {
        churn(SECOND * 6 / 10);
        lp_autorate_look();
    }
    pid_t child = fork();
    if (child == 0) {
        bool coarse = lp_rate_automatic() && lp_rate() >= LP_RATE_START;
        for (int i = 0; i < 20000; i++) /* until the tokens are used up */
            free(opaque(malloc(64 << 20)));
        coarse = coarse && lp_rate() >= LP_RATE_START;
        _exit(!coarse ? 1 : allowed_ns() > LP_BUDGET_NS_LEAST ? 2 : 0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);

    lp_rate_set(1);
    lp_autorate_leave();
    lp_rate_set(LP_RATE_AUTO);
    assert_int_equal(lp_rate(), LP_RATE_START);
    lp_autorate_look();
    assert_int_equal(lp_rate(), 1);
    lp_autorate_leave();
    lp_rate_set(1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_small_blocks_are_recorded_exactly),
        cmocka_unit_test(every_load_is_within_the_budget),
        cmocka_unit_test(a_quiet_program_gets_exact_within_seconds),
        cmocka_unit_test(more_cpu_time_allows_more),
        cmocka_unit_test(records_stay_within_their_memory),
        cmocka_unit_test(unattended_it_stays_coarse),
        cmocka_unit_test(figures_are_unbiased_across_every_change),
        cmocka_unit_test(a_burst_is_bounded_by_its_tokens),
        cmocka_unit_test(a_number_stays),
        cmocka_unit_test(a_child_and_a_stopped_server_begin_anew),
    };
    return cmocka_run_group_tests_name("autorate", tests, exact, NULL);
}
