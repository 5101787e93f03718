/* The error that stands beside a difference is the one that the difference has: simulated, with
 * fixed seeds, on the tallies of the sites. */
#include "unit.h"

#include <math.h>
#include <stdlib.h>

#include "profile/heap.h"
#include "profile/take.h"
#include "record/sites.h"
#include "record/stacks.h"

enum { RUNS = 600, SIZE = 1000, BLOCKS_MAX = 2000 };

static const double chance = 0.1;

struct story {
    int before; /* blocks allocated before the window */
    int gone;   /* of these, freed in it */
    int kept;   /* allocated in it, and still there */
    int churn;  /* allocated and freed in it */
};

static uint64_t seed;

static bool sampled(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (double)(seed >> 11) * 0x1p-53 < chance;
}

static void come(uint32_t site, int n, bool *samples)
{
    for (int i = 0; i < n; i++)
        if ((samples[i] = sampled()))
            lp_site_alloc(site, SIZE, (float)(1 / chance));
}

static void go(uint32_t site, int n, const bool *samples)
{
    for (int i = 0; i < n; i++)
        if (samples[i])
            lp_site_free(site, SIZE, (float)(1 / chance));
}

/* What lp_take() makes of this one site. */
static struct lp_profile *take(uint32_t site)
{
    struct lp_profile *profile = lp_profile_new(lp_kind_find("heap"));
    struct lp_row *row = lp_profile_row(profile);
    struct lp_site_figures f;
    lp_site_read(site, &f);
    *row =
        (struct lp_row){.stack = f.stack,
                        .label_num = SIZE,
                        .value = {f.alloc_objects, f.alloc_bytes, f.inuse_objects, f.inuse_bytes},
                        .variance = {f.alloc_objects_var, f.alloc_bytes_var, f.inuse_objects_var,
                                     f.inuse_bytes_var}};
    lp_profile_seal(profile);
    return profile;
}

struct outcome {
    double true_variance[3], stated[3]; /* of what was allocated, freed, and of the growth */
    double naive;                       /* the sum of both profiles' variances */
    double worst_bias;                  /* of the three, in standard errors of the mean */
};

static struct outcome simulate(const struct story *story)
{
    static bool old[BLOCKS_MAX], kept[BLOCKS_MAX], churn[BLOCKS_MAX];
    const double truth[3] = {(double)(story->kept + story->churn) * SIZE,
                             (double)(story->gone + story->churn) * SIZE,
                             (double)(story->kept - story->gone) * SIZE};
    struct outcome out = {0};
    double bias[3] = {0};
    static uintptr_t number;

    for (int run = 0; run < RUNS; run++) {
        uintptr_t frames[] = {++number, 4711};
        uint32_t site = lp_site_get(lp_stack_intern(frames, 2), SIZE);
        seed = number;
        come(site, story->before, old);
        struct lp_profile *from = take(site);
        come(site, story->kept, kept);
        come(site, story->churn, churn);
        go(site, story->churn, churn);
        go(site, story->gone, old);
        struct lp_profile *to = take(site), *diff = lp_profile_diff(from, to);

        struct lp_row none = {0}, *row = diff->nrows ? &diff->rows[0] : &none;
        double got[3] = {(double)row->value[LP_ALLOC_BYTES],
                         (double)lp_row_freed(row, LP_ALLOC_BYTES),
                         (double)row->value[LP_INUSE_BYTES]};
        double stated[3] = {row->variance[LP_ALLOC_BYTES],
                            lp_row_freed_variance(diff, row, LP_ALLOC_BYTES),
                            row->variance[LP_INUSE_BYTES]};
        for (int i = 0; i < 3; i++) {
            out.true_variance[i] += (got[i] - truth[i]) * (got[i] - truth[i]) / RUNS;
            out.stated[i] += stated[i] / RUNS;
            bias[i] += (got[i] - truth[i]) / RUNS;
        }
        out.naive += (from->rows[0].variance[LP_INUSE_BYTES] +
                      (to->nrows ? to->rows[0].variance[LP_INUSE_BYTES] : 0)) /
                     RUNS;
        lp_profile_free(from);
        lp_profile_free(to);
        lp_profile_free(diff);
    }
    for (int i = 0; i < 3; i++)
        if (out.true_variance[i] > 0)
            out.worst_bias =
                fmax(out.worst_bias, fabs(bias[i]) / sqrt(out.true_variance[i] / RUNS));
    return out;
}

#define assert_ratio(a, b, low, high)                                                              \
    do {                                                                                           \
        double ratio_ = (a) / (b);                                                                 \
        if (!(ratio_ > (low) && ratio_ < (high)))                                                  \
            fail_msg("%s / %s is %f", #a, #b, ratio_);                                             \
    } while (0)

/* The leak of a hundred blocks beside two thousand that stay and two hundred that go. */
static void what_stays_does_not_blur_the_growth(void **state)
{
    (void)state;
    struct outcome out = simulate(&(struct story){.before = 2000, .gone = 200, .kept = 100});
    assert_true(out.worst_bias < 4);
    for (int i = 0; i < 3; i++)
        assert_ratio(out.stated[i], out.true_variance[i], 0.8, 1.25);
    assert_ratio(out.naive, out.stated[2], 10, 20);
}

/* Allocated and freed are certain to the same degree, whatever became of the blocks. The growth's
 * error is at most what it would be if nothing that was live stayed. */
static void churn_does_not_blur_the_growth_without_end(void **state)
{
    (void)state;
    struct outcome out = simulate(&(struct story){.before = 50, .kept = 100, .churn = 2000});
    assert_true(out.worst_bias < 4);
    assert_ratio(out.stated[0], out.true_variance[0], 0.8, 1.25);
    assert_ratio(out.stated[1], out.true_variance[1], 0.8, 1.25);
    assert_ratio(out.stated[2], out.true_variance[2], 1.5, 2.5); /* 200 counted of 100 */
    assert_ratio(out.stated[2], out.naive, 0.99, 1.01);
}

static void nothing_happened_has_no_error(void **state)
{
    (void)state;
    struct outcome out = simulate(&(struct story){.before = 500});
    for (int i = 0; i < 3; i++)
        assert_true(out.stated[i] == 0 && out.true_variance[i] == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_stays_does_not_blur_the_growth),
        cmocka_unit_test(churn_does_not_blur_the_growth_without_end),
        cmocka_unit_test(nothing_happened_has_no_error),
    };
    return cmocka_run_group_tests_name("diff_error", tests, NULL, NULL);
}
