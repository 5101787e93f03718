/* The sampling rates, read and changed while the program runs. */
#include "record/rate.h"

#include "config.h"
#include "record/waits.h"
#include "write/rates.h"
#include "serve/reply.h"
#include "serve/route.h"

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

/* If one parameter is wrong, nothing is set. */
void lp_http_rate_set(struct lp_request *request)
{
    char why[LP_WHY_MAX];
    int64_t bytes, block_ns, fraction;
    const struct lp_query *query = &request->query;
    int heap = lp_query_number(query, "bytes", 0, LP_RATE_MAX, &bytes, why);
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
            "a parameter is missing. Give one or more of: \"bytes\", the mean bytes between "
            "two heap samples; \"block_ns\", the length from which every wait is recorded; "
            "\"mutex_fraction\": one in this many contended unlocks is recorded. 1 records "
            "everything, 0 nothing");
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
