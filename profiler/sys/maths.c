#include "sys/maths.h"

#include <string.h>

#define LN2 0.693147180559945309417232121458176568
#define SQRT2 1.41421356237309504880168872420969808

/* x = m 2^k with m between sqrt(1/2) and sqrt(2); log m = 2 artanh((m - 1) / (m + 1)), by its
 * series. */
double lp_log(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int k = (int)(bits >> 52 & 0x7ff) - 1023;
    bits = (bits & 0xfffffffffffffu) | UINT64_C(1023) << 52;
    double m;
    memcpy(&m, &bits, sizeof m);
    if (m > SQRT2) {
        m /= 2;
        k++;
    }
    double z = (m - 1) / (m + 1), square = z * z, sum = 0;
    for (int i = 21; i > 0; i -= 2)
        sum = sum * square + 1.0 / i;
    return k * LN2 + 2 * z * sum;
}

/* e^-x - 1 for small x, by its series: x (-1 + x/2 (1 - x/3 (1 - ...))). */
static double exp_minus_1(double x)
{
    double sum = 1;
    for (int i = 18; i > 1; i--)
        sum = 1 - x / i * sum;
    return -x * sum;
}

double lp_one_minus_exp(double x)
{
    if (x > 40)
        return 1; /* 1 to within rounding */
    /* e^-x = 2^-n e^-r, with |r| at most ln 2 / 2 */
    int n = (int)(x / LN2 + 0.5);
    double rest = exp_minus_1(x - n * LN2);
    if (n == 0)
        return -rest;
    uint64_t bits = (uint64_t)(1023 - n) << 52;
    double power;
    memcpy(&power, &bits, sizeof power);
    return 1 - power * (1 + rest);
}
