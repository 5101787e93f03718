#include "write/rates.h"

#include <inttypes.h>
#include <stdio.h>

#include "write/human.h"

static const char *rate_text(char out[LP_HUMAN_MAX], int64_t bytes)
{
    if (bytes <= 1)
        snprintf(out, LP_HUMAN_MAX, "%s", bytes == 1 ? "1 (exact)" : "0 (off)");
    else
        snprintf(out, LP_HUMAN_MAX, "%" PRId64 " bytes", bytes);
    return out;
}

const char *lp_rates_text(char out[LP_RATES_TEXT_MAX], const struct lp_rates *rates)
{
    char rate[LP_HUMAN_MAX], since[LP_HUMAN_MAX];
    int n = 0;

    out[0] = '\0';
    if (!lp_rates_mixed(rates))
        return out;
    n += snprintf(out, LP_RATES_TEXT_MAX, "rates mixed: ");
    if (rates->dropped > 0)
        n += snprintf(out + n, (size_t)(LP_RATES_TEXT_MAX - n), "%" PRIu32 " earlier ones, ",
                      rates->dropped);
    for (uint32_t i = 0; i < rates->n && n < LP_RATES_TEXT_MAX; i++)
        n += snprintf(out + n, (size_t)(LP_RATES_TEXT_MAX - n), "%s%s from %s", i ? ", " : "",
                      rate_text(rate, rates->at[i].bytes),
                      lp_human(since, rates->at[i].since_ns, "nanoseconds", false));
    if (n < LP_RATES_TEXT_MAX)
        snprintf(out + n, (size_t)(LP_RATES_TEXT_MAX - n), " after the start");
    return out;
}

json_t *lp_rates_json(const struct lp_rates *rates)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < rates->n; i++)
        json_array_append_new(list, json_pack("{s:I, s:I}", "bytes", (json_int_t)rates->at[i].bytes,
                                              "since_ns", (json_int_t)rates->at[i].since_ns));
    return list;
}
