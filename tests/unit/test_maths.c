/* The profiler's own logarithm and exponential agree with libm's to thirteen digits. */
#include "unit.h"

#include <math.h>

#include "sys/maths.h"

static void close_to(double got, double wanted)
{
    assert_true(fabs(got - wanted) <= 1e-13 * fabs(wanted) + (wanted == 0 ? 1e-16 : 0));
}

static void logarithms(void **state)
{
    (void)state;
    close_to(lp_log(1), 0);
    for (int i = 1; i <= 100000; i++) {
        close_to(lp_log(i / 100000.0), log(i / 100000.0));
        close_to(lp_log(i * 1e10), log(i * 1e10));
    }
    close_to(lp_log(0x1p-53), log(0x1p-53)); /* the smallest that sampling draws */
}

static void exponentials(void **state)
{
    (void)state;
    close_to(lp_one_minus_exp(0), 0);
    for (double x = 1e-12; x < 1e6; x *= 1.001)
        close_to(lp_one_minus_exp(x), -expm1(-x));
    for (double x = 0.3; x < 0.8; x += 1e-5) /* where the reduction begins */
        close_to(lp_one_minus_exp(x), -expm1(-x));
}

static void rounding(void **state)
{
    (void)state;
    for (double x = -1000; x < 1000; x += 0.125)
        assert_int_equal(lp_round(x), llround(x));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logarithms),
        cmocka_unit_test(exponentials),
        cmocka_unit_test(rounding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
