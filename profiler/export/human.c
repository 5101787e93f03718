/*
 * Figures for people. Three digits that matter, binary units for bytes (as pprof's tables have),
 * and no locale: a profile reads the same everywhere.
 */
#include "export/human.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char *grouped(char *out, uint64_t amount, const char *sign)
{
    char digits[24];
    int n = snprintf(digits, sizeof(digits), "%" PRIu64, amount);
    char *to = out + sprintf(out, "%s", sign);

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

/* The length of the well-formed UTF-8 sequence at s (so that nothing over-long, no surrogate
 * passes), or 0. */
static int sequence(const unsigned char *s)
{
    if (s[0] < 0x80)
        return s[0] >= 0x20 && s[0] != 0x7f;

    int n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4)
        return 0;
    for (int i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xc2 && s[1] < 0xa0) || (s[0] == 0xe0 && s[1] < 0xa0) ||
        (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
        (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    if (s[0] == 0xef && s[1] == 0xbf && s[2] >= 0xbe) /* U+FFFE, U+FFFF: XML refuses them */
        return 0;
    return n;
}

void lp_clean(char *text)
{
    for (unsigned char *s = (unsigned char *)text; *s;) {
        int n = sequence(s);
        if (n == 0)
            *s = '?';
        s += n > 0 ? n : 1;
    }
}

static const char dots[] = "…";
enum { DOTS = sizeof dots - 1, DEPTH_MAX = 32 };

/* How the byte here changes the depth of brackets. */
static int bracket(const char *text, size_t at)
{
    switch (text[at]) {
    case '(':
    case '<':
    case '[':
    case '{':
        return 1;
    case '>':
        return at > 0 && text[at - 1] == '-' ? 0 : -1;
    case ')':
    case ']':
    case '}':
        return -1;
    default:
        return 0;
    }
}

/* The greatest depth such that it is enough to cut what is that deep; 0: there is none, or the
 * brackets do not match (an operator< is no bracket). */
static int cut_depth(const char *text, size_t limit)
{
    size_t bytes[DEPTH_MAX + 1] = {0}, groups[DEPTH_MAX + 1] = {0}, kept = 0;
    int depth = 0, best = 0;

    for (size_t i = 0; text[i]; i++) {
        int step = bracket(text, i);
        depth -= step < 0;
        if (depth < 0)
            return 0;
        bytes[depth < DEPTH_MAX ? depth : DEPTH_MAX]++;
        depth += step > 0;
        groups[depth < DEPTH_MAX ? depth : DEPTH_MAX] += step > 0;
    }
    for (int d = 1; depth == 0 && d < DEPTH_MAX; d++) {
        kept += bytes[d - 1];
        if (kept + DOTS * groups[d] <= limit)
            best = d;
    }
    return best;
}

/* How many bytes there are up to the bracket that closes the one before. */
static size_t inside(const char *text, size_t from)
{
    size_t at = from;

    for (int depth = 1; text[at]; at++)
        if ((depth += bracket(text, at)) == 0)
            break;
    return at - from;
}

static void cut_inside(char *text, int deep)
{
    char *to = text;
    int depth = 0;

    for (size_t i = 0; text[i]; i++) {
        int step = bracket(text, i);
        *to++ = text[i];
        depth += step;
        if (step <= 0 || depth != deep)
            continue;
        size_t n = inside(text, i + 1), shown = n > DOTS ? DOTS : n;
        memmove(to, n > DOTS ? dots : text + i + 1, shown);
        to += shown;
        i += n;
    }
    *to = '\0';
}

void lp_abridge(char *text, size_t limit)
{
    if (strlen(text) <= limit)
        return;

    int depth = cut_depth(text, limit);
    if (depth > 0) {
        cut_inside(text, depth);
        return;
    }
    size_t end = limit - DOTS;
    while (end > 0 && (text[end] & 0xc0) == 0x80)
        end--;
    memcpy(text + end, dots, sizeof dots);
}
