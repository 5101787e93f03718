/*
 * Current profiles, as in Go's net/http/pprof: parameters, status codes and texts are Go's if Go
 * has them.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "serve/answer.h"
#include "serve/reply.h"
#include "serve/pending.h"
#include "profile/take.h"

static void unknown_profile(struct lp_request *request)
{
    char names[LP_WHY_MAX] = "";
    for (int i = 0, n = 0; lp_kinds[i] && n < LP_WHY_MAX; i++)
        n += snprintf(names + n, LP_WHY_MAX - n, "%s, ", lp_kinds[i]->name);
    lp_reply_error(request->http, 404, "Unknown profile\nThere are: %scmdline, symbol", names);
}

static bool too_long(struct lp_request *request, int64_t seconds)
{
    if (seconds <= LP_PENDING_SECONDS_MAX)
        return false;
    lp_reply_error(request->http, 400, "profile duration exceeds the limit of %d seconds",
                   LP_PENDING_SECONDS_MAX);
    return true;
}

static void reply_delta(struct lp_request *request, const struct lp_request_options *options)
{
    char why[LP_WHY_MAX];
    int64_t seconds = 0;
    if (lp_query_number(&request->query, "seconds", 1, INT64_MAX, &seconds, why) < 0) {
        lp_reply_error(request->http, 400,
                       "invalid value for \"seconds\" - must be a positive integer");
    } else if (options->debug) {
        lp_reply_error(request->http, 400, "seconds and debug params are incompatible");
    } else if (!too_long(request, seconds)) {
        lp_pending_start(request->http, options, (int)seconds, 0);
    }
}

void lp_http_profile(struct lp_request *request)
{
    const struct lp_profile_kind *kind = lp_kind_find(request->part[0]);
    if (!kind) {
        unknown_profile(request);
        return;
    }
    char why[LP_WHY_MAX];
    struct lp_request_options options;
    int64_t gc = 0;
    if (lp_request_options_parse(&options, &request->query, kind, why) != 0 ||
        lp_query_number(&request->query, "gc", 0, 1, &gc, why) < 0) {
        lp_reply_error(request->http, 400, "%s", why);
        return;
    }
    if (lp_query_get(&request->query, "seconds")) {
        reply_delta(request, &options);
        return;
    }
    lp_answer(request->http, &(struct lp_answer_of){.options = options, .gc = gc});
}

/* Like Go, treats an unreadable `seconds` as not given. */
void lp_http_timespan(struct lp_request *request)
{
    const struct lp_profile_kind *kind = lp_kind_find("profile");
    char why[LP_WHY_MAX];
    struct lp_request_options options;
    int64_t seconds = kind->timespan->seconds, hz = kind->timespan->hz_default;
    if (lp_request_options_parse(&options, &request->query, kind, why) != 0 ||
        lp_query_number(&request->query, "hz", 1, kind->timespan->hz_max, &hz, why) < 0) {
        lp_reply_error(request->http, 400, "%s", why);
        return;
    }
    lp_query_number(&request->query, "seconds", 1, INT64_MAX, &seconds, why);
    if (!too_long(request, seconds))
        lp_pending_start(request->http, &options, (int)seconds, (int)hz);
}
