/*
 * Comparing two snapshots: the difference of one profile, and the suspects in all of them. If `to`
 * is "now", a snapshot is taken for this answer and not kept.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "write/suspects.h"
#include "serve/answer.h"
#include "serve/reply.h"
#include "serve/snapshots.h"
#include "serve/work.h"

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

void lp_http_diff(struct lp_request *request)
{
    struct window window;
    const char *name = lp_query_get(&request->query, "profile");
    const char *sign = word(request, "sign", "all", "growth");
    if (!sign || !find_window(request, &window))
        return;
    const struct lp_profile_kind *kind;
    if (!lp_profile_named(request, window.from, name ? name : "heap", &kind))
        return;
    char why[LP_WHY_MAX];
    struct lp_request_options options;
    if (lp_request_options_parse(&options, &request->query, kind, why) != 0) {
        lp_reply_error(request->http, 400, "%s", why);
        return;
    }
    /* The column that was requested, else the one that grows if something leaks. allocs has heap's
     * rows, but another column grows there. */
    lp_answer(request->http,
              &(struct lp_answer_of){.options = options,
                                     .from = window.from,
                                     .to = window.to,
                                     .growth = strcmp(sign, "growth") == 0,
                                     .growing = lp_query_get(&request->query, "value")
                                                    ? options.view.value
                                                    : kind->growth_value});
}

struct suspects {
    struct lp_work work;
    bool text;
    const struct lp_snapshot *from, *to; /* to: NULL for now. Both are held */
    struct lp_snapshot *now;
    const struct lp_snapshot *between[LP_SNAPSHOTS_MAX]; /* these, too */
    size_t nbetween;
    /* What the writer sees. The loop may rename a snapshot meanwhile. */
    struct lp_snapshot copies[LP_TREND_POINTS];
    struct lp_series series;
    int untaken, error; /* why there is no snapshot (a positive errno), or why it was not written */
    struct lp_body body;
};

static void add(struct suspects *suspects, const struct lp_snapshot *snapshot)
{
    struct lp_series *series = &suspects->series;
    suspects->copies[series->n] = *snapshot;
    series->at[series->n] = &suspects->copies[series->n];
    series->n++;
}

/* Collects the snapshots from one to the other. If there are more than a series holds, it skips
 * some in between, evenly. */
static void collect(struct suspects *suspects, const struct lp_snapshot *to)
{
    const struct lp_snapshot *at[LP_SNAPSHOTS_MAX + 2], *from = suspects->from, *snapshot;
    size_t n = 0;

    at[n++] = from;
    for (size_t i = 0; (snapshot = lp_store_at(i)); i++)
        if (snapshot->id > from->id && (to->id == 0 || snapshot->id < to->id)) {
            lp_snapshot_hold(snapshot);
            suspects->between[suspects->nbetween++] = at[n++] = snapshot;
        }
    at[n++] = to;
    size_t points = n < LP_TREND_POINTS ? n : LP_TREND_POINTS;
    for (size_t i = 0; i < points; i++)
        add(suspects, at[i * (n - 1) / (points - 1)]);
}

static void take(struct lp_work *work)
{
    struct suspects *suspects = (struct suspects *)work;
    suspects->now = lp_snapshot_now(true);
    suspects->untaken = suspects->now ? 0 : errno;
}

static void begin(struct lp_work *work)
{
    struct suspects *suspects = (struct suspects *)work;
    const struct lp_snapshot *to = suspects->to ? suspects->to : suspects->now;
    if (to)
        collect(suspects, to);
}

static void run(struct lp_work *work)
{
    struct suspects *suspects = (struct suspects *)work;
    if (!suspects->untaken && lp_body_open(&suspects->body) != 0)
        suspects->untaken = ENOMEM;
    if (!suspects->untaken)
        suspects->error = (suspects->text ? lp_write_suspects_text : lp_write_suspects_json)(
            suspects->body.stream, &suspects->series);
}

static void reply(struct evhttp_request *http, struct suspects *suspects)
{
    if (suspects->untaken) {
        lp_reply_untaken(http, suspects->untaken);
    } else if (suspects->error) {
        lp_reply_unwritten(http, &suspects->body, "the suspects", suspects->error);
    } else {
        lp_reply_body(http, 200, suspects->text ? "text/plain; charset=utf-8" : "application/json",
                      &suspects->body);
    }
}

static void done(struct lp_work *work, struct evhttp_request *http)
{
    struct suspects *suspects = (struct suspects *)work;
    if (http)
        reply(http, suspects);
    lp_body_discard(&suspects->body);
    lp_snapshot_free(suspects->now);
    lp_snapshot_release(suspects->from);
    if (suspects->to)
        lp_snapshot_release(suspects->to);
    for (size_t i = 0; i < suspects->nbetween; i++)
        lp_snapshot_release(suspects->between[i]);
    free(suspects);
}

void lp_http_suspects(struct lp_request *request)
{
    static const struct lp_work_steps steps = {NULL, begin, run, done},
                                      with_take = {take, begin, run, done};
    struct window window;
    const char *format = word(request, "format", "json", "text");
    if (!format || !find_window(request, &window))
        return;
    struct suspects *suspects = calloc(1, sizeof *suspects);
    if (!suspects) {
        lp_reply_untaken(request->http, ENOMEM);
        return;
    }
    suspects->work.steps = window.to ? &steps : &with_take;
    suspects->text = strcmp(format, "text") == 0;
    suspects->from = window.from;
    suspects->to = window.to;
    lp_snapshot_hold(window.from);
    if (window.to)
        lp_snapshot_hold(window.to);
    lp_work_add(&suspects->work, request->http);
}
