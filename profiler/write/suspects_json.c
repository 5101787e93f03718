/* The suspects as JSON, for programs. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "symbolize/frames.h"
#include "write/deadlocks.h"
#include "write/jsonout.h"
#include "write/suspects.h"

static void write_place(struct lp_json *json, const struct lp_frame *frame)
{
    lp_json_text(json, "function", frame->function);
    lp_json_text(json, "file", frame->file);
    lp_json_int(json, "line", frame->line);
}

static void write_stack(struct lp_json *json, uint32_t stack, struct lp_lines *lines)
{
    lp_json_array(json, "stack");
    lp_lines_of(stack, lines);
    for (uint32_t i = 0; i < lines->n; i++) {
        lp_json_object(json, NULL);
        write_place(json, lines->at[i].frame);
        lp_json_end(json);
    }
    lp_json_end(json);
}

/* A negative figure means not known. */
static void write_known(struct lp_json *json, const char *key, int64_t value)
{
    if (value < 0)
        lp_json_null(json, key);
    else
        lp_json_int(json, key, value);
}

/* Only heap has these. */
static void write_allocations(struct lp_json *json, const struct lp_suspect *s)
{
    lp_json_int(json, "allocated", s->allocated);
    lp_json_real(json, "allocated_error", sqrt(s->allocated_variance));
    lp_json_int(json, "freed", s->freed);
    lp_json_real(json, "freed_error", sqrt(s->freed_variance));
    if (!s->survivors)
        return;
    lp_json_object(json, "survivors");
    lp_json_int(json, "oldest_ns", s->age.oldest_ns);
    lp_json_int(json, "median_ns", s->age.median_ns);
    write_known(json, "median_before_ns", s->median_before_ns);
    lp_json_end(json);
}

static void write_growth(struct lp_json *json, const struct lp_suspect *s)
{
    lp_json_int(json, "growth", s->growth);
    lp_json_real(json, "growth_error", sqrt(s->variance));
    lp_json_real(json, "growth_low", s->interval.low);
    lp_json_real(json, "growth_high", s->interval.high);
}

static void write_little(struct lp_json *json, const struct lp_ranking *ranking)
{
    lp_json_array(json, "little");
    for (size_t i = 0; i < ranking->nlittle; i++) {
        const struct lp_suspect *s = &ranking->little[i];
        lp_json_object(json, NULL);
        lp_json_text(json, "resource", ranking->tracked[s->resource].is->name);
        write_place(json, s->place);
        write_growth(json, s);
        lp_json_text(json, "unit", ranking->tracked[s->resource].is->unit);
        lp_json_end(json);
    }
    lp_json_end(json);
    lp_json_int(json, "little_more", (int64_t)ranking->little_more);
}

static void write_churn(struct lp_json *json, const struct lp_suspect *s, struct lp_lines *lines)
{
    lp_json_object(json, NULL);
    write_place(json, s->place);
    write_growth(json, s);
    lp_json_bool(json, "in_flight", s->in_flight);
    write_stack(json, s->busy_stack, lines);
    write_allocations(json, s);
    lp_json_end(json);
}

static void write_trend(struct lp_json *json, const struct lp_trend *trend, size_t snapshots)
{
    if (snapshots < 3) {
        lp_json_null(json, "trend");
        return;
    }
    lp_json_object(json, "trend");
    lp_json_real(json, "per_second", trend->slope);
    lp_json_real(json, "low", trend->low);
    lp_json_real(json, "high", trend->high);
    lp_json_real(json, "rises", trend->rises);
    lp_json_end(json);
}

static void write_verdict(struct lp_json *json, const struct lp_ranking *ranking,
                          const struct lp_suspect *s)
{
    char reason[LP_REASON_MAX], pace[LP_REASON_MAX];

    lp_suspect_reason(reason, ranking, s);
    lp_suspect_pace(pace, ranking, s);
    lp_json_text(json, "verdict", lp_verdict_name(s->judgement.verdict));
    lp_json_text(json, "reason", reason);
    lp_json_text(json, "pace", pace);
    lp_json_int(json, "grew_in", (int64_t)s->judgement.grew_in);
    lp_json_int(json, "intervals", (int64_t)s->judgement.intervals);
    lp_json_real(json, "chance", s->judgement.chance);
    write_trend(json, &s->judgement.trend, s->judgement.snapshots);
}

static void write_suspect(struct lp_json *json, const struct lp_ranking *ranking, size_t i,
                          struct lp_lines *lines)
{
    const struct lp_suspect *s = &ranking->suspects[i];
    const struct lp_tracked *tracked = &ranking->tracked[s->resource];

    lp_json_object(json, NULL);
    lp_json_int(json, "rank", (int64_t)i + 1);
    lp_json_text(json, "resource", tracked->is->name);
    if (tracked->profile == LP_UNUSED)
        lp_json_null(json, "profile");
    else
        lp_json_text(json, "profile", lp_snapshot_kinds[tracked->profile]->name);
    write_place(json, s->place);
    lp_json_bool(json, "caller", s->node != 0);
    write_growth(json, s);
    lp_json_text(json, "unit", tracked->is->unit);
    lp_json_real(json, "growth_per_second",
                 ranking->seconds > 0 ? (double)s->growth / ranking->seconds : 0.0);
    lp_json_real(json, "share_of_limit", s->share);
    lp_json_int(json, "limit", ranking->limit[s->resource]);
    lp_json_int(json, "from_value", s->from);
    lp_json_int(json, "to_value", s->to);
    write_stack(json, s->stack, lines);
    if (ranking->requests > 0)
        lp_json_real(json, "growth_per_request", (double)s->growth / (double)ranking->requests);
    else
        lp_json_null(json, "growth_per_request");
    write_verdict(json, ranking, s);
    if (lp_ranks_heap(ranking, s))
        write_allocations(json, s);
    if (tracked->profile == LP_UNUSED)
        write_known(json, "trimmable", ranking->to->unused.trimmable);
    lp_json_end(json);
}

static void write_snapshot(struct lp_json *json, const char *key,
                           const struct lp_snapshot *snapshot)
{
    lp_json_object(json, key);
    lp_json_int(json, "id", snapshot->id);
    lp_json_text(json, "name", snapshot->name);
    lp_json_int(json, "time_ns", snapshot->time_ns);
    lp_json_end(json);
}

static void write_totals(struct lp_json *json, const struct lp_ranking *ranking)
{
    lp_json_object(json, "totals");
    for (int r = 0; r < ranking->nresources; r++) {
        lp_json_object(json, ranking->tracked[r].is->name);
        if (ranking->missing[r])
            lp_json_text(json, "missing", ranking->missing[r]);
        lp_json_int(json, "growth", ranking->total[r]);
        lp_json_real(json, "growth_error", ranking->total_error[r]);
        lp_json_text(json, "unit", ranking->tracked[r].is->unit);
        lp_json_int(json, "limit", ranking->limit[r]);
        write_trend(json, &ranking->total_trend[r], ranking->series->n);
        lp_json_end(json);
    }
    lp_json_end(json);
}

static void write_ranking(struct lp_json *json, const struct lp_ranking *ranking,
                          struct lp_lines *lines)
{
    char limit[LP_REASON_MAX];

    lp_json_object(json, NULL);
    write_snapshot(json, "from", ranking->from);
    write_snapshot(json, "to", ranking->to);
    lp_json_array(json, "series");
    for (size_t i = 0; i < ranking->series->n; i++)
        write_snapshot(json, NULL, ranking->series->at[i]);
    lp_json_end(json);
    lp_json_real(json, "seconds", ranking->seconds);
    lp_json_int(json, "requests", ranking->requests);
    if (lp_suspects_note(ranking))
        lp_json_text(json, "note", lp_suspects_note(ranking));
    lp_write_deadlocks_json(json, ranking->to);
    lp_json_array(json, "suspects");
    for (size_t i = 0; i < ranking->n; i++)
        write_suspect(json, ranking, i, lines);
    lp_json_end(json);
    lp_json_array(json, "churn");
    for (size_t i = 0; i < ranking->nchurn; i++)
        write_churn(json, &ranking->churn[i], lines);
    lp_json_end(json);
    write_little(json, ranking);
    lp_suspects_limit(limit, ranking);
    lp_json_text(json, "detection_limit", limit);
    write_totals(json, ranking);
    lp_json_int(json, "rss_growth",
                ranking->to->figures.rss_bytes - ranking->from->figures.rss_bytes);
    lp_json_end(json);
}

int lp_write_suspects_json(FILE *out, const struct lp_series *series)
{
    struct lp_json json = {.out = out, .indent = 1};
    struct lp_lines *lines = malloc(sizeof *lines);
    struct lp_ranking ranking = {0};
    int error = lines ? lp_rank(&ranking, series) : -ENOMEM;

    if (!error) {
        write_ranking(&json, &ranking, lines);
        fputc('\n', out);
        error = lp_json_finish(&json);
    }
    lp_ranking_release(&ranking);
    free(lines);
    return error;
}
