/* The interval of a sampled figure covers the truth as often as stated, from no sample up; the
 * distributions agree with published tables. */
#include "unit.h"

#include <math.h>

#include "judge/distributions.h"
#include "judge/estimate.h"

static void near_to(double got, double wanted)
{
    if (fabs(got - wanted) > 1e-4 * fabs(wanted))
        fail_msg("%.10g, not %.10g", got, wanted);
}

static void distributions_agree_with_tables(void **state)
{
    (void)state;
    near_to(lp_gamma_quantile(1, 0.975), 3.688879);  /* Garwood: none counted */
    near_to(lp_gamma_quantile(10, 0.025), 4.795389); /* ten counted: 4.795 to 18.39 */
    near_to(lp_gamma_quantile(11, 0.975), 18.390356);
    near_to(lp_gamma_quantile(1000, 0.5), 999.6667);
    near_to(lp_gamma_quantile(0.01, 0.5), 4.46554e-31);
    near_to(lp_binomial_tail(12, 12, 0.5), 1 / 4096.0);
    near_to(lp_binomial_tail(12, 9, 0.5), 299 / 4096.0);
    near_to(lp_binomial_tail(3, 2, 1.0 / 3), 7 / 27.0);
    assert_true(lp_binomial_tail(5, 0, 0.5) == 1 && lp_binomial_tail(5, 6, 0.5) == 0);
    near_to(lp_student_tail(2.570582, 5), 0.025);
    near_to(lp_student_tail(3.169273, 10), 0.005);
    near_to(lp_student_tail(-1.812461, 10), 0.95);
}

static void an_exact_figure_has_no_width(void **state)
{
    (void)state;
    struct lp_estimate exact = lp_estimate_of(4000, 0, 400);
    struct lp_interval interval = lp_estimate_interval(&exact, 0.05);
    assert_true(exact.known == 4000 && exact.blocks == 10);
    assert_true(interval.low == 4000 && interval.high == 4000);
}

static void no_sample_has_an_upper_limit(void **state)
{
    (void)state;
    const struct lp_estimate none = {.rate = 512 << 10};
    struct lp_interval interval = lp_estimate_interval(&none, 0.1);
    assert_true(interval.low == 0);
    near_to(interval.high, 3 * (512 << 10) * (2.995732 / 3));
    near_to(lp_estimate_unseen(512 << 10, 0.05), interval.high);
}

static uint64_t seed = 1;

static double uniform(void)
{
    uint64_t x = seed += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return ((double)((x ^ x >> 31) >> 11) + 0.5) * 0x1p-53;
}

/* What is recorded of this many blocks. */
static double recorded(double blocks, double p)
{
    double n = 0, gap = log1p(-p), at = floor(log(uniform()) / gap);
    while (at < blocks) {
        n++;
        at += 1 + floor(log(uniform()) / gap);
    }
    return n;
}

static struct lp_estimate sampled(double bytes, double size, double rate)
{
    double p = -expm1(-size / rate), n = recorded(bytes / size, p);
    struct lp_estimate e = lp_estimate_of(n * size / p, n * size * size * (1 - p) / (p * p), size);
    e.rate = rate;
    return e;
}

enum { RUNS = 2000 };

/* The share of the runs in which the interval of 95 % covers the truth. Its
 * standard error is 0.5 %, and two of these are allowed. The seed is fixed. */
static double covered(double kept, double gone, const double *sizes, size_t nsizes)
{
    size_t hits = 0;
    for (int run = 0; run < RUNS; run++) {
        struct lp_estimate more = {.rate = 512 << 10}, less = more;
        double truth = 0;
        for (size_t i = 0; i < nsizes; i++) {
            double rate = 512 << 10, here = kept * rate / (double)nsizes,
                   back = gone * rate / (double)nsizes;
            here = ceil(here / sizes[i]) * sizes[i];
            back = ceil(back / sizes[i]) * sizes[i];
            struct lp_estimate a = sampled(here, sizes[i], rate), b = sampled(back, sizes[i], rate);
            lp_estimate_add(&more, &a);
            lp_estimate_add(&less, &b);
            truth += here - back;
        }
        struct lp_interval interval =
            gone > 0 ? lp_estimate_less(&more, &less, 0.05) : lp_estimate_interval(&more, 0.05);
        hits += interval.low <= truth && truth <= interval.high;
    }
    return (double)hits / RUNS;
}

static void intervals_cover(void **state)
{
    (void)state;
    static const double small[] = {64}, large[] = {300 << 10},
                        mixed[] = {32, 5000, 200 << 10, 2 << 20};
    static const double samples[] = {0.3, 1, 3, 10, 30};
    for (size_t i = 0; i < 5; i++)
        for (size_t k = 0; k < 5; k++) {
            const double gone = k ? samples[k - 1] : 0,
                         shares[] = {covered(samples[i], gone, small, 1),
                                     covered(samples[i], gone, large, 1),
                                     covered(samples[i], gone, mixed, 4)};
            for (size_t s = 0; s < 3; s++)
                if (shares[s] < 0.94)
                    fail_msg("%g samples less %g, sizes %zu: %g", samples[i], gone, s, shares[s]);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distributions_agree_with_tables),
        cmocka_unit_test(an_exact_figure_has_no_width),
        cmocka_unit_test(no_sample_has_an_upper_limit),
        cmocka_unit_test(intervals_cover),
    };
    return cmocka_run_group_tests_name("estimate", tests, NULL, NULL);
}
