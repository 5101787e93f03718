/* The sampling itself: intervals, chances and weights, with fixed seeds. */
#include "unit.h"

#include <math.h>
#include <stdlib.h>

#include "config.h"
#include "record/rate.h"
#include "leakprof.h"

enum { DRAWS = 400000 };

static void the_mean_interval_is_the_rate(void **state)
{
    (void)state;
    static const int64_t rates[] = {100, 4096, 524288};
    for (size_t r = 0; r < sizeof rates / sizeof *rates; r++) {
        struct lp_self self = {.random = 4711};
        double sum = 0;
        for (int i = 0; i < DRAWS; i++)
            sum += (double)lp_rate_interval(&self, rates[r]);
        double mean = sum / DRAWS, rate = (double)rates[r];
        assert_true(fabs(mean - rate) < 4 * rate / sqrt(DRAWS) + 1);
    }
}

/* The weight undoes the chance at every size, large blocks too, where size/rate would not. */
static void a_weight_is_one_over_the_chance(void **state)
{
    (void)state;
    static const double shares[] = {0.01, 0.1, 0.5, 1, 2, 5};
    const int64_t rate = 65536;
    for (size_t s = 0; s < sizeof shares / sizeof *shares; s++) {
        struct lp_self self = {.random = 1337};
        uint64_t size = (uint64_t)(shares[s] * (double)rate);
        int sampled = 0;
        for (int i = 0; i < DRAWS; i++)
            sampled += lp_rate_interval(&self, rate) <= size;
        double chance = (double)sampled / DRAWS, stated = 1 / (double)lp_rate_weight(size, rate);
        assert_true(fabs(chance - stated) < 4 * sqrt(stated * (1 - stated) / DRAWS));
    }
}

static void exact_and_off_need_no_chance(void **state)
{
    (void)state;
    struct lp_self self = {0};
    assert_int_equal(lp_rate_interval(&self, 1), 0);
    assert_true(lp_rate_interval(&self, 0) == LP_RATE_INTERVAL_MAX);
    assert_true(lp_rate_weight(10, 1) == 1.0f);
    assert_int_equal(self.random, 0);
}

/* Draws the bytes between samples of `size` bytes, of a thread that is told of each allocation. */
static double mean_between_samples(struct lp_self *self, uint64_t size, int blocks)
{
    int64_t rate;
    int sampled = 0;
    for (int i = 0; i < blocks; i++)
        sampled += lp_rate_due(self, size, &rate);
    return (double)size * blocks / sampled;
}

/* Intervals that are counted in pieces are as long as others. */
static void pieces_do_not_change_the_rate(void **state)
{
    (void)state;
    static const int64_t rates[] = {4096, 524288, 16 << 20};
    for (size_t r = 0; r < sizeof rates / sizeof *rates; r++) {
        struct lp_self self = {.random = 4711};
        lp_rate_set(rates[r]);
        double rate = (double)rates[r], size = rate / 8;
        double mean = mean_between_samples(&self, (uint64_t)size, DRAWS);
        double expected = size * (double)lp_rate_weight((uint64_t)size, rates[r]);
        assert_true(fabs(mean - expected) < 4 * expected / sqrt(DRAWS / 8.0));
    }
    lp_rate_set(LEAKPROF_RATE_DEFAULT);
}

/* While each allocation looks, the next one is judged by the new rate. */
static void a_change_applies_to_the_next_allocation(void **state)
{
    (void)state;
    struct lp_self self = {.random = 4711};
    int64_t rate;
    lp_rate_set(LP_RATE_MAX);
    assert_false(lp_rate_due(&self, 16, &rate));
    lp_rate_set(1);
    assert_true(lp_rate_look);
    assert_true(lp_rate_due(&self, 16, &rate));
    assert_int_equal(rate, 1);
    lp_rate_set(0);
    assert_false(lp_rate_due(&self, 1 << 30, &rate));
    assert_false(lp_rate_look);
}

/* Another thread was inside lp_rate_set(1) when this one forked. */
static void a_child_completes_a_change(void **state)
{
    (void)state;
    struct lp_self self = {.random = 4711};
    int64_t rate;
    lp_rate_set(1);
    assert_true(lp_rate_due(&self, 16, &rate));
    lp_rate_look = false;
    lp_rate_forked();
    assert_true(lp_rate_look);
    uint32_t before = self.generation;
    assert_true(lp_rate_due(&self, 16, &rate));
    assert_true(self.generation != before);
    lp_rate_set(LEAKPROF_RATE_DEFAULT);
}

/* Otherwise a thread notices a change soon, even from the largest rate. */
static void a_change_is_noticed_soon(void **state)
{
    (void)state;
    struct lp_self self = {.random = 4711};
    int64_t rate, bytes = 0;
    lp_rate_set(LP_RATE_MAX);
    assert_false(lp_rate_due(&self, 16, &rate));
    lp_rate_set(4096);
    do {
        bytes += 64;
        lp_rate_due(&self, 64, &rate);
    } while (rate != 4096 && bytes < 2 * LP_RATE_PIECE);
    assert_in_range(bytes, 0, LP_RATE_PIECE);
    lp_rate_set(LEAKPROF_RATE_DEFAULT);
}

/* A thread notices such a change when its interval ends, which is when a sample is due. */
static void changes_between_coarse_rates_lose_no_sample(void **state)
{
    (void)state;
    enum { SIZE = 512, EVERY = 20 };
    struct lp_self self = {.random = 4711};
    double sum = 0, variance = 0;
    for (int i = 0; i < DRAWS; i++) {
        int64_t rate;
        if (i % EVERY == 0)
            lp_rate_set(i / EVERY % 2 ? 16384 : 32768);
        if (SIZE < self.due) { /* as malloc() does it */
            self.due -= SIZE;
        } else if (lp_rate_due(&self, SIZE, &rate)) {
            double weight = (double)lp_rate_weight(SIZE, rate);
            sum += weight;
            variance += weight * (weight - 1);
        }
    }
    assert_true(fabs(sum - DRAWS) < 4 * sqrt(variance));
    lp_rate_set(LEAKPROF_RATE_DEFAULT);
}

/* The largest rate draws some that would be. */
static void no_interval_is_longer_than_the_longest(void **state)
{
    (void)state;
    struct lp_self self = {.random = 99};
    for (int i = 0; i < DRAWS; i++)
        assert_true(lp_rate_interval(&self, LP_RATE_MAX) <= LP_RATE_INTERVAL_MAX);
}

static void the_last_changes_are_remembered(void **state)
{
    (void)state;
    struct lp_rates rates, more;
    lp_rate_set(1);
    lp_rates_read(&rates);
    assert_true(lp_rates_mixed(&rates));
    assert_int_equal(rates.at[rates.n - 1].bytes, 1);
    lp_rate_set(1); /* no change */
    lp_rates_read(&more);
    assert_int_equal(more.n + more.dropped, rates.n + rates.dropped);

    uint32_t before = rates.n + rates.dropped;
    for (int i = 0; i < 2 * LP_RATES_KEPT; i++)
        lp_rate_set(1000 + i);
    lp_rates_read(&rates);
    assert_int_equal(rates.n, LP_RATES_KEPT);
    assert_int_equal(rates.dropped, before + LP_RATES_KEPT);
    for (int i = 0; i < LP_RATES_KEPT; i++) {
        assert_int_equal(rates.at[i].bytes, 1000 + LP_RATES_KEPT + i);
        assert_true(i == 0 || rates.at[i].since_ns >= rates.at[i - 1].since_ns);
    }
    lp_rate_set(LEAKPROF_RATE_DEFAULT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_mean_interval_is_the_rate),
        cmocka_unit_test(a_weight_is_one_over_the_chance),
        cmocka_unit_test(exact_and_off_need_no_chance),
        cmocka_unit_test(pieces_do_not_change_the_rate),
        cmocka_unit_test(a_change_applies_to_the_next_allocation),
        cmocka_unit_test(a_child_completes_a_change),
        cmocka_unit_test(a_change_is_noticed_soon),
        cmocka_unit_test(changes_between_coarse_rates_lose_no_sample),
        cmocka_unit_test(no_interval_is_longer_than_the_longest),
        cmocka_unit_test(the_last_changes_are_remembered),
    };
    return cmocka_run_group_tests_name("rate", tests, NULL, NULL);
}
