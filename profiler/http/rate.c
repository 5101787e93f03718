/* The sampling rate, read and changed while the program runs. */
#include "capture/rate.h"

#include "export/rates.h"
#include "http/reply.h"
#include "http/route.h"

static json_t *rate_json(int64_t rate)
{
    struct lp_rates rates;
    lp_rates_read(&rates);
    return json_pack("{s:I, s:b, s:b, s:o, s:i}", "rate", (json_int_t)rate, "exact", rate == 1,
                     "off", rate == 0, "rates", lp_rates_json(&rates), "rates_dropped",
                     (int)rates.dropped);
}

void lp_http_rate(struct lp_request *request)
{
    lp_reply_json(request->http, 200, rate_json(lp_rate()));
}

void lp_http_rate_set(struct lp_request *request)
{
    char why[LP_WHY_MAX];
    int64_t bytes;
    int given = lp_query_number(&request->query, "bytes", 0, LP_RATE_MAX, &bytes, why);
    if (given < 0) {
        lp_reply_error(request->http, 400, "%s", why);
        return;
    }
    if (given == 0) {
        lp_reply_error(request->http, 400,
                       "parameter \"bytes\" is missing: the mean bytes between two samples; 1 is "
                       "exact, 0 is off");
        return;
    }
    lp_rate_set(bytes);
    lp_reply_json(request->http, 200, rate_json(bytes));
}
