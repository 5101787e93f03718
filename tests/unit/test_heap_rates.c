/* The heap's hooks at every rate, and through its changes: sampled means unbiased and within its
 * error, off means nothing. */
#include "unit.h"

#include <math.h>
#include <stdlib.h>

#include "heap.h"
#include "leakprof.h"
#include "record/blocks.h"

enum { N = 500 };

static void *kept[N];

static void a_sampled_estimate_is_within_its_error(void **state)
{
    (void)state;
    NEEDS_HOOKED_HEAP();
    enum { BLOCKS = 40000, BYTES = 1733 };
    static void *blocks[BLOCKS];
    int outside = 0;
    for (int run = 0; run < 20; run++) {
        lp_self.random = 1000003u * (unsigned)(run + 1);
        lp_rate_set(65536);
        for (int i = 0; i < BLOCKS; i++)
            blocks[i] = opaque(malloc(BYTES));
        double variance, truth = (double)BLOCKS * BYTES;
        double error = (double)in_use(BYTES, &variance) - truth;
        assert_true(variance > 0);
        outside += fabs(error) > 1.96 * sqrt(variance);
        assert_true(fabs(error) < 5 * sqrt(variance));
        for (int i = 0; i < BLOCKS; i++)
            free(blocks[i]);
        assert_int_equal(in_use(BYTES, NULL), 0);
    }
    assert_in_range(outside, 0, 4); /* 1 of 20 expected */
    lp_rate_set(1);
}

/* Sizes from 16 bytes to 256 KiB, each doubling as frequent as the next. */
static void a_mixture_is_estimated_without_bias(void **state)
{
    (void)state;
    NEEDS_HOOKED_HEAP();
    enum { RUNS = 100, BLOCKS = 1200, RATE = 262144 };
    static void *blocks[BLOCKS];
    unsigned short random[3] = {1, 2, 3};
    double bias = 0;
    int inside = 0;
    for (int run = 0; run < RUNS; run++) {
        struct leakprof_stats before, after;
        double truth = 0;
        lp_self.random = 1000003u * (unsigned)(run + 1);
        lp_rate_set(RATE);
        leakprof_stats(&before);
        for (int i = 0; i < BLOCKS; i++) {
            size_t size = (size_t)(16 * exp(erand48(random) * log(16384)));
            blocks[i] = opaque(malloc(size));
            truth += (double)size;
        }
        leakprof_stats(&after);
        for (int i = 0; i < BLOCKS; i++)
            free(blocks[i]);
        double off = (double)(after.heap_inuse_bytes - before.heap_inuse_bytes) - truth;
        inside += fabs(off) <= 1.96 * (double)after.heap_inuse_bytes_error;
        bias += off / truth / RUNS;
    }
    assert_in_range(inside, 90, 99);
    assert_true(fabs(bias) < 0.02); /* one run is off by 9 %, the mean of 100 by 0.9 % */
    lp_rate_set(1);
}

static void frees_are_seen_across_a_change_of_rate(void **state)
{
    (void)state;
    NEEDS_HOOKED_HEAP();
    static const int64_t rates[] = {1, 524288, 0, 8192, 1, 0};
    for (size_t r = 0; r + 1 < sizeof rates / sizeof *rates; r++) {
        lp_rate_set(rates[r]);
        for (int i = 0; i < N; i++)
            kept[i] = opaque(malloc(7331));
        lp_rate_set(rates[r + 1]);
        for (int i = 0; i < N; i++)
            free(kept[i]);
        assert_int_equal(in_use(7331, NULL), 0);
    }
    lp_rate_set(1);
}

/* One life at four rates. Each phase allocates blocks of its own size and frees some of the phase
 * before it. */
static void figures_are_right_through_a_life_at_four_rates(void **state)
{
    (void)state;
    NEEDS_HOOKED_HEAP();
    enum { PHASES = 4, BLOCKS = 6000, RUNS = 20 };
    static const int64_t rates[PHASES] = {524288, 1, 0, 4096};
    static const int64_t sizes[PHASES] = {3109, 1511, 2711, 2113};
    static void *blocks[PHASES][BLOCKS];
    double sum[PHASES] = {0}, sum_variance[PHASES] = {0}, variance;
    for (int run = 0; run < RUNS; run++) {
        lp_self.random = 1000003u * (unsigned)(run + 1);
        for (int p = 0; p < PHASES; p++) {
            lp_rate_set(rates[p]);
            for (int i = 0; i < BLOCKS; i++) {
                blocks[p][i] = opaque(malloc((size_t)sizes[p]));
                if (p > 0 && i % 3 == 0) {
                    free(blocks[p - 1][i]);
                    blocks[p - 1][i] = NULL;
                }
            }
        }
        for (int p = 0; p < PHASES; p++) {
            double left = p + 1 < PHASES ? BLOCKS / 3 * 2 : BLOCKS;
            double error = (double)in_use(sizes[p], &variance) - left * (double)sizes[p];
            if (rates[p] == 0)
                assert_int_equal(in_use(sizes[p], NULL), 0);
            else if (rates[p] == 1)
                assert_true(error == 0 && variance == 0);
            else
                assert_true(variance > 0 && fabs(error) < 6 * sqrt(variance));
            sum[p] += error;
            sum_variance[p] += variance;
        }
        lp_rate_set(524288);
        for (int p = 0; p < PHASES; p++)
            for (int i = 0; i < BLOCKS; i++)
                free(blocks[p][i]);
        for (int p = 0; p < PHASES; p++)
            assert_int_equal(in_use(sizes[p], NULL), 0);
    }
    assert_true(fabs(sum[0]) < 3 * sqrt(sum_variance[0]));
    assert_true(fabs(sum[3]) < 3 * sqrt(sum_variance[3]));
    lp_rate_set(1);
}

/* How many of the frees of so many blocks, that have no record, take a lock. */
static uint64_t locks_taken_by_frees(int n)
{
    enum { AT_ONCE = 1000 };
    static void *blocks[AT_ONCE];
    uint64_t before = lp_blocks_locked();
    for (int done = 0; done < n; done += AT_ONCE) {
        for (int i = 0; i < AT_ONCE; i++)
            blocks[i] = opaque(malloc(100 + (size_t)(done + i) % 900));
        for (int i = 0; i < AT_ONCE; i++)
            free(blocks[i]);
    }
    return lp_blocks_locked() - before;
}

/* Some blocks that were recorded when every block was never go away. The frees of others must not
 * pay for that for ever, and their own frees must still be seen. */
static void frees_are_cheap_again_after_exact_recording(void **state)
{
    (void)state;
    NEEDS_HOOKED_HEAP();
    enum { SURVIVORS = 10000, FREES = 100000 };
    static void *survivors[SURVIVORS];
    lp_rate_set(1);
    for (int i = 0; i < SURVIVORS; i++)
        survivors[i] = opaque(malloc(7333));
    assert_true(locks_taken_by_frees(FREES) >= FREES);
    lp_rate_set(524288);
    assert_in_range(locks_taken_by_frees(FREES), 0, FREES / 4);
    for (int i = 1; i < SURVIVORS; i++)
        free(survivors[i]);
    assert_int_equal(in_use(7333, NULL), 7333);
    assert_in_range(locks_taken_by_frees(FREES), 0, FREES / 100);
    free(survivors[0]);
    assert_int_equal(in_use(7333, NULL), 0);
    lp_rate_set(1);
}

static void nothing_is_recorded_when_off(void **state)
{
    (void)state;
    lp_rate_set(0);
    void *block = opaque(malloc(9999));
    assert_int_equal(in_use(9999, NULL), 0);
    free(block);
    lp_rate_set(1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sampled_estimate_is_within_its_error),
        cmocka_unit_test(a_mixture_is_estimated_without_bias),
        cmocka_unit_test(frees_are_seen_across_a_change_of_rate),
        cmocka_unit_test(figures_are_right_through_a_life_at_four_rates),
        cmocka_unit_test(frees_are_cheap_again_after_exact_recording),
        cmocka_unit_test(nothing_is_recorded_when_off),
        cmocka_unit_test(nothing_was_lost_on_the_way),
    };
    return cmocka_run_group_tests_name("heap_rates", tests, exact, NULL);
}
