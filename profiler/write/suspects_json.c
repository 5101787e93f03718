/* The suspects, for a program. */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "symbolize/frames.h"
#include "symbolize/clean.h"
#include "write/suspects.h"

static json_t *stack_json(uint32_t stack, struct lp_lines *lines)
{
    json_t *frames = json_array();

    lp_lines_of(stack, lines);
    for (uint32_t i = 0; i < lines->n; i++)
        json_array_append_new(
            frames, json_pack("{s:s, s:s, s:i}", "function", lines->at[i].frame->function, "file",
                              lines->at[i].frame->file, "line", lines->at[i].frame->line));
    return frames;
}

/* What only heap has. */
static void add_books(json_t *json, const struct lp_suspect *s)
{
    json_object_set_new(json, "allocated", json_integer(s->allocated));
    json_object_set_new(json, "allocated_error", json_real(sqrt(s->allocated_variance)));
    json_object_set_new(json, "freed", json_integer(s->freed));
    json_object_set_new(json, "freed_error", json_real(sqrt(s->freed_variance)));
    if (s->survivors)
        json_object_set_new(
            json, "survivors",
            json_pack("{s:I, s:I, s:o}", "oldest_ns", (json_int_t)s->age.oldest_ns, "median_ns",
                      (json_int_t)s->age.median_ns, "median_before_ns",
                      s->median_before_ns < 0 ? json_null() : json_integer(s->median_before_ns)));
}

static json_t *churn_json(const struct lp_suspect *s, struct lp_lines *lines)
{
    json_t *json = json_pack("{s:s, s:s, s:i, s:I, s:f, s:b, s:o}", "function", s->place->function,
                             "file", s->place->file, "line", s->place->line, "growth",
                             (json_int_t)s->growth, "growth_error", sqrt(s->variance), "in_flight",
                             s->in_flight, "stack", stack_json(s->busy_stack, lines));

    add_books(json, s);
    return json;
}

static json_t *trend_json(const struct lp_trend *trend, size_t snapshots)
{
    if (snapshots < 3)
        return json_null();
    return json_pack("{s:f, s:f, s:f, s:f}", "per_second", trend->slope, "low", trend->low, "high",
                     trend->high, "rises", trend->rises);
}

static void add_verdict(json_t *json, const struct lp_ranking *ranking, const struct lp_suspect *s)
{
    char reason[LP_REASON_MAX], pace[LP_REASON_MAX];

    lp_suspect_reason(reason, ranking, s);
    lp_suspect_pace(pace, ranking, s);
    json_object_set_new(json, "verdict", json_string(lp_verdict_name(s->judgement.verdict)));
    json_object_set_new(json, "reason", json_string(reason));
    json_object_set_new(json, "pace", json_string(pace));
    json_object_set_new(json, "grew_in", json_integer((json_int_t)s->judgement.grew_in));
    json_object_set_new(json, "intervals", json_integer((json_int_t)s->judgement.intervals));
    json_object_set_new(json, "trend", trend_json(&s->judgement.trend, s->judgement.snapshots));
}

static json_t *suspect_json(const struct lp_ranking *ranking, const struct lp_suspect *s,
                            size_t rank, struct lp_lines *lines)
{
    const struct lp_tracked *tracked = &ranking->tracked[s->resource];
    json_t *json = json_pack(
        "{s:I, s:s, s:s?, s:s, s:s, s:i, s:I, s:s, s:f, s:f, s:f, s:I, s:I, s:I, s:o}", "rank",
        (json_int_t)rank, "resource", tracked->is->name, "profile",
        tracked->profile == LP_GAP ? NULL : lp_snapshot_kinds[tracked->profile]->name, "function",
        s->place->function, "file", s->place->file, "line", s->place->line, "growth",
        (json_int_t)s->growth, "unit", tracked->is->unit, "growth_error", sqrt(s->variance),
        "growth_per_second", ranking->seconds > 0 ? (double)s->growth / ranking->seconds : 0.0,
        "share_of_limit", s->share, "limit", (json_int_t)ranking->limit[s->resource], "from_value",
        (json_int_t)s->from, "to_value", (json_int_t)s->to, "stack", stack_json(s->stack, lines));
    json_object_set_new(json, "growth_per_request",
                        ranking->requests > 0
                            ? json_real((double)s->growth / (double)ranking->requests)
                            : json_null());
    add_verdict(json, ranking, s);
    if (lp_ranks_heap(ranking, s))
        add_books(json, s);
    if (tracked->profile == LP_GAP)
        json_object_set_new(json, "trimmable",
                            ranking->to->gap.trimmable < 0
                                ? json_null()
                                : json_integer(ranking->to->gap.trimmable));
    return json;
}

static json_t *snapshot_json(const struct lp_snapshot *snapshot)
{
    char name[sizeof(snapshot->name)];

    memcpy(name, snapshot->name, sizeof(name));
    lp_clean(name); /* it came by HTTP, and JSON must be UTF-8 */
    return json_pack("{s:i, s:s, s:I}", "id", snapshot->id, "name", name, "time_ns",
                     (json_int_t)snapshot->time_ns);
}

static json_t *series_json(const struct lp_series *series)
{
    json_t *list = json_array();

    for (size_t i = 0; i < series->n; i++)
        json_array_append_new(list, snapshot_json(series->at[i]));
    return list;
}

static json_t *totals_json(const struct lp_ranking *ranking)
{
    json_t *totals = json_object();

    for (int r = 0; r < ranking->nresources; r++)
        json_object_set_new(totals, ranking->tracked[r].is->name,
                            json_pack("{s:I, s:f, s:s, s:I, s:o}", "growth",
                                      (json_int_t)ranking->total[r], "growth_error",
                                      ranking->total_error[r], "unit", ranking->tracked[r].is->unit,
                                      "limit", (json_int_t)ranking->limit[r], "trend",
                                      trend_json(&ranking->total_trend[r], ranking->series->n)));
    return totals;
}

int lp_write_suspects_json(FILE *out, const struct lp_series *series)
{
    struct lp_lines *lines = malloc(sizeof(*lines));
    struct lp_ranking ranking = {0};
    json_t *json = NULL;
    int rc = lines ? lp_rank(&ranking, series) : -ENOMEM;
    if (rc != 0)
        goto out;

    json_t *suspects = json_array(), *churn = json_array();
    for (size_t i = 0; i < ranking.n; i++)
        json_array_append_new(suspects, suspect_json(&ranking, &ranking.suspects[i], i + 1, lines));
    for (size_t i = 0; i < ranking.nchurn; i++)
        json_array_append_new(churn, churn_json(&ranking.churn[i], lines));
    json = json_pack("{s:o, s:o, s:o, s:f, s:I, s:o, s:o, s:o, s:I}", "from",
                     snapshot_json(ranking.from), "to", snapshot_json(ranking.to), "series",
                     series_json(series), "seconds", ranking.seconds, "requests",
                     (json_int_t)ranking.requests, "suspects", suspects, "churn", churn, "totals",
                     totals_json(&ranking), "rss_growth",
                     (json_int_t)(ranking.to->figures.rss_bytes - ranking.from->figures.rss_bytes));
    rc = !json ? -ENOMEM : json_dumpf(json, out, JSON_INDENT(1)) != 0 ? -EIO : 0;
    fputc('\n', out);
out:
    json_decref(json);
    lp_ranking_release(&ranking);
    free(lines);
    return rc;
}
