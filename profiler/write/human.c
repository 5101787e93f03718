/*
 * Figures for people: three significant digits, binary units for bytes (as in pprof's tables), and
 * no locale, so that a profile looks the same everywhere.
 */
#include "write/human.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char *grouped(char *out, uint64_t amount, const char *sign)
{
    char digits[24];
    int n = snprintf(digits, sizeof(digits), "%" PRIu64, amount);
    char *to = stpcpy(out, sign);

    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return out;
}

static const char *scaled(char *out, double amount, const char *sign, const char *const *units,
                          double step)
{
    /* 1023.96 would print as "1024 KiB": round before choosing the unit. */
    while (amount >= step - 0.5 && units[1]) {
        amount /= step;
        units++;
    }
    bool whole = amount >= 99.95 || fabs(amount - round(amount)) < 0.005;
    snprintf(out, LP_HUMAN_MAX, "%s%.*f %s", sign,
             whole             ? 0
             : amount >= 9.995 ? 1
                               : 2,
             amount, *units);
    return out;
}

const char *lp_human(char out[LP_HUMAN_MAX], int64_t amount, const char *unit, bool sign)
{
    static const char *const bytes[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", NULL};
    static const char *const times[] = {"ns", "µs", "ms", "s", NULL};
    const char *before = amount < 0 ? "-" : sign && amount > 0 ? "+" : "";
    uint64_t size = amount < 0 ? -(uint64_t)amount : (uint64_t)amount;

    if (strcmp(unit, "bytes") == 0)
        return scaled(out, (double)size, before, bytes, 1024);
    if (strcmp(unit, "nanoseconds") == 0)
        return scaled(out, (double)size, before, times, 1000);
    return grouped(out, size, before);
}

const char *lp_human_error(char out[2 * LP_HUMAN_MAX], int64_t amount, double error,
                           const char *unit, bool sign)
{
    char value[LP_HUMAN_MAX], spread[LP_HUMAN_MAX];

    lp_human(value, amount, unit, sign);
    if (error > 0)
        snprintf(out, 2 * LP_HUMAN_MAX, "%s ± %s", value,
                 lp_human(spread, (int64_t)ceil(error), unit, false));
    else
        snprintf(out, 2 * LP_HUMAN_MAX, "%s", value);
    return out;
}

const char *lp_human_age(char out[LP_HUMAN_MAX], int64_t age_ns)
{
    static const struct {
        double seconds;
        const char *name;
    } units[] = {{86400, "days"}, {3600, "h"}, {60, "min"}};
    double seconds = (double)age_ns / 1e9;

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (seconds >= 2 * units[i].seconds) {
            snprintf(out, LP_HUMAN_MAX, "%.1f %s", seconds / units[i].seconds, units[i].name);
            return out;
        }
    }
    if (seconds >= 0.01)
        return lp_human(out, age_ns, "nanoseconds", false);
    snprintf(out, LP_HUMAN_MAX, "<10 ms");
    return out;
}

const char *lp_human_time(char out[LP_HUMAN_MAX], int64_t time_ns)
{
    time_t seconds = time_ns / 1000000000;
    struct tm tm;

    if (!gmtime_r(&seconds, &tm) || strftime(out, LP_HUMAN_MAX, "%Y-%m-%d %H:%M:%S UTC", &tm) == 0)
        snprintf(out, LP_HUMAN_MAX, "?");
    return out;
}

const char *lp_human_share(char out[LP_HUMAN_MAX], double part, double whole)
{
    double percent = whole != 0 ? 100 * part / whole : 0;

    snprintf(out, LP_HUMAN_MAX, "%.*f %%",
             percent == floor(percent) ? 0
             : fabs(percent) < 1       ? 2
                                       : 1,
             percent);
    return out;
}
