/* The sampling rates, read and changed while the program runs. */
#include "record/rate.h"

#include <string.h>

#include "config.h"
#include "record/autorate.h"
#include "record/ratebudget.h"
#include "record/waits.h"
#include "write/rates.h"
#include "serve/reply.h"
#include "serve/route.h"

static void write_budget(struct lp_json *json)
{
    struct lp_autorate_state state = lp_autorate_read();
    lp_json_object(json, "budget");
    lp_json_real(json, "cpu_percent", LP_BUDGET_CPU_PER_MILLE / 10.0);
    lp_json_int(json, "samples_per_second", state.allowed);
    lp_json_int(json, "sample_ns", state.cost_ns);
    lp_json_int(json, "memory_bytes", LP_BUDGET_MEMORY);
    lp_json_int(json, "memory_used_bytes", state.live * LP_BUDGET_RECORD);
    lp_json_end(json);
}

static void write_rates(struct lp_json *json, const void *unused)
{
    struct lp_rates rates;
    int64_t rate = lp_rate();
    (void)unused;
    lp_rates_read(&rates);
    lp_json_object(json, NULL);
    lp_json_int(json, "rate", rate);
    lp_json_bool(json, "exact", rate == 1);
    lp_json_bool(json, "off", rate == 0);
    lp_json_bool(json, "auto", lp_rate_automatic());
    if (lp_rate_automatic())
        write_budget(json);
    lp_rates_json(json, "rates", &rates);
    lp_json_int(json, "rates_dropped", rates.dropped);
    lp_json_int(json, "block_ns", lp_waits_rate(LP_WAITS_BLOCK));
    lp_json_int(json, "mutex_fraction", lp_waits_rate(LP_WAITS_MUTEX));
    lp_json_end(json);
}

void lp_http_rate(struct lp_request *request)
{
    lp_reply_json(request->http, 200, write_rates, NULL);
}

/* As lp_query_number(), and "auto". */
static int read_rate(const struct lp_query *query, int64_t *bytes, char why[LP_WHY_MAX])
{
    const char *text = lp_query_get(query, "bytes");
    if (text && lp_parse_rate(text) == LP_RATE_AUTO) {
        *bytes = LP_RATE_AUTO;
        return 1;
    }
    int result = lp_query_number(query, "bytes", 0, LP_RATE_MAX, bytes, why);
    if (result < 0)
        strncat(why, ", or auto", LP_WHY_MAX - strlen(why) - 1);
    return result;
}

/* If one parameter is wrong, nothing is set. */
void lp_http_rate_set(struct lp_request *request)
{
    char why[LP_WHY_MAX];
    int64_t bytes, block_ns, fraction;
    const struct lp_query *query = &request->query;
    int heap = read_rate(query, &bytes, why);
    int block =
        heap < 0 ? 0 : lp_query_number(query, "block_ns", 0, LP_WAITS_RATE_MAX, &block_ns, why);
    int mutex = heap < 0 || block < 0 ? 0
                                      : lp_query_number(query, "mutex_fraction", 0,
                                                        LP_WAITS_RATE_MAX, &fraction, why);
    if (heap < 0 || block < 0 || mutex < 0) {
        lp_reply_error(request->http, 400, "%s", why);
        return;
    }
    if (!heap && !block && !mutex) {
        lp_reply_error(
            request->http, 400,
            "a parameter is missing. \"bytes\" is the mean number of bytes between two samples of "
            "the heap: 1 is exact, 0 is off, and auto follows its cost. With \"block_ns\", waits "
            "of this many nanoseconds or more are recorded. "
            "With "
            "\"mutex_fraction\", one in this many contended unlocks is recorded. 1 is exact, 0 is "
            "off.");
        return;
    }
    if (heap)
        lp_rate_set(bytes);
    if (block)
        lp_waits_rate_set(LP_WAITS_BLOCK, block_ns);
    if (mutex)
        lp_waits_rate_set(LP_WAITS_MUTEX, fraction);
    lp_reply_json(request->http, 200, write_rates, NULL);
}
