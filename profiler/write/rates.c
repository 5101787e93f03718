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
    if (!lp_rates_mixed(rates) && !rates->automatic)
        return out;
    n += snprintf(out, LP_RATES_TEXT_MAX,
                  rates->automatic ? "rate auto, as fine as its budget allows: " : "rates mixed: ");
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

void lp_rates_json(struct lp_json *json, const char *key, const struct lp_rates *rates)
{
    lp_json_array(json, key);
    for (uint32_t i = 0; i < rates->n; i++) {
        lp_json_object(json, NULL);
        lp_json_int(json, "bytes", rates->at[i].bytes);
        lp_json_int(json, "since_ns", rates->at[i].since_ns);
        lp_json_end(json);
    }
    lp_json_end(json);
}
