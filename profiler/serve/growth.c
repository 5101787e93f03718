/*
 * Comparing two snapshots: the difference of one profile, and the suspects in all of them. If `to`
 * is "now", a snapshot is taken for this answer and not kept.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "write/suspects.h"
#include "serve/reply.h"
#include "serve/options.h"
#include "serve/snapshots.h"

struct window {
    const struct lp_snapshot *from, *to; /* to: NULL for now */
};

/* false: the request has been answered with an error. */
static bool find_window(struct lp_request *request, struct window *window)
{
    const char *from = lp_query_get(&request->query, "from");
    const char *to = lp_query_get(&request->query, "to");
    if (!from) {
        lp_reply_error(request->http, 400,
                       "the parameter \"from\" is missing. Use the number of a snapshot. POST "
                       "/debug/snapshots takes one.");
        return false;
    }
    if (!(window->from = lp_snapshot_named(request, from)))
        return false;
    window->to = NULL;
    if (to && strcmp(to, "now") != 0 && !(window->to = lp_snapshot_named(request, to)))
        return false;
    if (window->to && window->to->id < window->from->id) {
        lp_reply_error(request->http, 400,
                       "snapshot %d was taken after snapshot %d; \"from\" must be the earlier one",
                       window->from->id, window->to->id);
        return false;
    }
    return true;
}

/* Reads a parameter that has two values, or its default. NULL: the request has been answered with
 * an error. */
static const char *word(struct lp_request *request, const char *name, const char *standard,
                        const char *other)
{
    const char *given = lp_query_get(&request->query, name);
    if (!given)
        return standard;
    if (strcmp(given, standard) == 0 || strcmp(given, other) == 0)
        return given;
    char shown[LP_PRINTABLE_MAX];
    lp_reply_error(request->http, 400, "unknown %s \"%s\"; there are: %s, %s", name,
                   lp_printable(shown, given), standard, other);
    return NULL;
}

/* growing: the column that must have grown; -1: all rows are shown. */
static void reply_diff(struct lp_request *request, const struct lp_profile *from,
                       const struct lp_profile *to, const struct lp_request_options *options,
                       int growing)
{
    struct lp_profile *diff = from && to ? lp_profile_diff(from, to) : NULL;
    if (diff && growing >= 0)
        lp_profile_keep_growth(diff, growing);
    lp_reply_profile(request->http, diff, options);
    lp_profile_free(diff);
}

void lp_http_diff(struct lp_request *request)
{
    struct window window;
    const char *name = lp_query_get(&request->query, "profile");
    const char *sign = word(request, "sign", "all", "growth");
    if (!sign || !find_window(request, &window))
        return;
    const struct lp_profile_kind *kind;
    const struct lp_profile *from =
        lp_profile_named(request, window.from, name ? name : "heap", &kind);
    if (!from)
        return;
    char why[LP_WHY_MAX];
    struct lp_request_options options;
    if (lp_request_options_parse(&options, &request->query, kind, why) != 0) {
        lp_reply_error(request->http, 400, "%s", why);
        return;
    }
    struct lp_profile *now = window.to ? NULL : lp_take(from->kind);
    const struct lp_profile *to = window.to ? lp_snapshot_profile(window.to, kind) : now;
    /* The column that was requested, else the one that grows if something leaks. allocs has heap's
     * rows, but another column grows there. */
    int growing = strcmp(sign, "growth") != 0              ? -1
                  : lp_query_get(&request->query, "value") ? options.view.value
                                                           : kind->growth_value;
    reply_diff(request, from, to, &options, growing);
    lp_profile_free(now);
}

/* Collects the snapshots from one to the other. If there are more than a series holds, it skips
 * some in between, evenly. */
static void collect(struct lp_series *series, const struct lp_snapshot *from,
                    const struct lp_snapshot *to)
{
    const struct lp_snapshot *at[LP_SNAPSHOTS_MAX + 2], *snapshot;
    size_t n = 0;

    at[n++] = from;
    for (size_t i = 0; (snapshot = lp_store_at(i)); i++)
        if (snapshot->id > from->id && (to->id == 0 || snapshot->id < to->id))
            at[n++] = snapshot;
    at[n++] = to;
    series->n = n < LP_TREND_POINTS ? n : LP_TREND_POINTS;
    for (size_t i = 0; i < series->n; i++)
        series->at[i] = at[i * (n - 1) / (series->n - 1)];
}

void lp_http_suspects(struct lp_request *request)
{
    struct window window;
    struct lp_body body;
    struct lp_series series;
    const char *format = word(request, "format", "json", "text");
    if (!format || !find_window(request, &window))
        return;
    bool text = strcmp(format, "text") == 0;
    struct lp_snapshot *now = window.to ? NULL : lp_snapshot_now();
    const struct lp_snapshot *to = window.to ? window.to : now;
    if (!to || lp_body_open(&body) != 0) {
        lp_reply_untaken(request->http, errno);
        lp_snapshot_free(now);
        return;
    }
    collect(&series, window.from, to);
    int error = (text ? lp_write_suspects_text : lp_write_suspects_json)(body.stream, &series);
    lp_snapshot_free(now);
    if (error) {
        lp_body_discard(&body);
        lp_reply_error(request->http, lp_status(error), "the suspects could not be written: %s",
                       strerror(-error));
        return;
    }
    lp_reply_body(request->http, 200, text ? "text/plain; charset=utf-8" : "application/json",
                  &body);
}
