#include "export/suspects.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "export/frames.h"
#include "export/human.h"
#include "export/ranking.h"

static void write_pace(char *out, size_t size, const struct lp_ranking *ranking,
                       const struct lp_suspect *s)
{
    static const struct {
        double seconds;
        const char *name;
    } units[] = {{86400, "days"}, {3600, "hours"}, {60, "minutes"}, {0, "seconds"}};
    double pace = (double)s->growth / ranking->seconds;
    double left = (double)(ranking->limit[s->resource] - ranking->used[s->resource]) / pace;
    char limit[LP_HUMAN_MAX];
    int u = 0;

    lp_human(limit, ranking->limit[s->resource], lp_resource(s->resource)->unit, false);
    if (!(ranking->seconds > 0) || !(left > 0)) {
        snprintf(out, size, "the limit is %s", limit);
        return;
    }
    while (left < 2 * units[u].seconds)
        u++;
    double shown = left / (units[u].seconds > 0 ? units[u].seconds : 1);
    snprintf(out, size, "at this pace the limit of %s is reached in %.*f %s", limit, shown < 10,
             shown, units[u].name);
}

static void write_reason(char *out, size_t size, const struct lp_ranking *ranking,
                         const struct lp_suspect *s)
{
    char growth[2 * LP_HUMAN_MAX], pace[128], from[LP_HUMAN_MAX], to[LP_HUMAN_MAX];
    const char *unit = lp_resource(s->resource)->unit;

    write_pace(pace, sizeof(pace), ranking, s);
    snprintf(out, size, "%s %s in %.1f s (%s to %s); %s", lp_resource(s->resource)->name,
             lp_human_error(growth, s->growth, sqrt(s->variance), unit, true), ranking->seconds,
             lp_human(from, s->from, unit, false), lp_human(to, s->to, unit, false), pace);
}

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
        json_object_set_new(json, "survivors",
                            json_pack("{s:I, s:I}", "oldest_ns", (json_int_t)s->age.oldest_ns,
                                      "median_ns", (json_int_t)s->age.median_ns));
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

static json_t *suspect_json(const struct lp_ranking *ranking, const struct lp_suspect *s,
                            size_t rank, struct lp_lines *lines)
{
    char reason[512];

    write_reason(reason, sizeof(reason), ranking, s);
    json_t *json = json_pack(
        "{s:I, s:s, s:s, s:s, s:s, s:i, s:s, s:I, s:s, s:f, s:f, s:f, s:I, s:I, s:I, s:o}", "rank",
        (json_int_t)rank, "resource", lp_resource(s->resource)->name, "profile",
        ranking->to->profiles[s->resource]->kind->name, "function", s->place->function, "file",
        s->place->file, "line", s->place->line, "reason", reason, "growth", (json_int_t)s->growth,
        "unit", lp_resource(s->resource)->unit, "growth_error", sqrt(s->variance),
        "growth_per_second", ranking->seconds > 0 ? (double)s->growth / ranking->seconds : 0.0,
        "share_of_limit", s->share, "limit", (json_int_t)ranking->limit[s->resource], "from_value",
        (json_int_t)s->from, "to_value", (json_int_t)s->to, "stack", stack_json(s->stack, lines));
    if (ranking->to->profiles[s->resource]->kind->tallies)
        add_books(json, s);
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

int lp_write_suspects_json(FILE *out, const struct lp_snapshot *from, const struct lp_snapshot *to)
{
    struct lp_lines *lines = malloc(sizeof(*lines));
    struct lp_ranking ranking = {0};
    json_t *json = NULL;
    int rc = lines ? lp_rank(&ranking, from, to) : -ENOMEM;
    if (rc != 0)
        goto out;

    json_t *suspects = json_array(), *churn = json_array(), *totals = json_object();
    for (size_t i = 0; i < ranking.n; i++)
        json_array_append_new(suspects, suspect_json(&ranking, &ranking.suspects[i], i + 1, lines));
    for (size_t i = 0; i < ranking.nchurn; i++)
        json_array_append_new(churn, churn_json(&ranking.churn[i], lines));
    for (int r = 0; r < LP_SNAPSHOT_PROFILES; r++)
        if (lp_resource(r))
            json_object_set_new(totals, lp_resource(r)->name,
                                json_pack("{s:I, s:f, s:s, s:I}", "growth",
                                          (json_int_t)ranking.total[r], "growth_error",
                                          ranking.total_error[r], "unit", lp_resource(r)->unit,
                                          "limit", (json_int_t)ranking.limit[r]));
    json = json_pack("{s:o, s:o, s:f, s:o, s:o, s:o, s:I}", "from", snapshot_json(from), "to",
                     snapshot_json(to), "seconds", ranking.seconds, "suspects", suspects, "churn",
                     churn, "totals", totals, "rss_growth",
                     (json_int_t)(to->figures.rss_bytes - from->figures.rss_bytes));
    rc = !json ? -ENOMEM : json_dumpf(json, out, JSON_INDENT(1)) != 0 ? -EIO : 0;
    fputc('\n', out);
out:
    json_decref(json);
    lp_ranking_release(&ranking);
    free(lines);
    return rc;
}

/* printf counts bytes; "±" is two. Columns are at least two blanks apart. */
static void column(FILE *out, int width, const char *text)
{
    int n = fprintf(out, "%s", text);

    for (const char *s = text; *s; s++)
        n -= (*s & 0xc0) == 0x80;
    fprintf(out, "%*s", n + 2 < width ? width - n : 2, "");
}

/* Two columns of bytes and two of ages, where there are any. */
static void write_books(FILE *out, const struct lp_suspect *s, bool books)
{
    char text[LP_HUMAN_MAX];

    column(out, 11, books ? lp_human(text, s->allocated, "bytes", false) : "-");
    column(out, 11, books ? lp_human(text, s->freed, "bytes", false) : "-");
    column(out, 10, s->survivors ? lp_human_age(text, s->age.oldest_ns) : "-");
    column(out, 10, s->survivors ? lp_human_age(text, s->age.median_ns) : "-");
}

static void write_place(FILE *out, const struct lp_frame *place)
{
    fprintf(out, "%s", place->shown);
    if (place->file[0])
        fprintf(out, "  %s:%d", place->file, place->line);
    fputc('\n', out);
}

static void write_churn(FILE *out, const struct lp_ranking *ranking)
{
    char text[2 * LP_HUMAN_MAX];

    if (ranking->nchurn == 0)
        return;
    fprintf(out, "\nbusy but not growing: churn, not suspect\n"
                 "growth               allocated  freed      oldest    median    function  "
                 "file:line\n");
    for (size_t i = 0; i < ranking->nchurn; i++) {
        const struct lp_suspect *s = &ranking->churn[i];
        column(out, 21, lp_human_error(text, s->growth, sqrt(s->variance), "bytes", true));
        write_books(out, s, true);
        write_place(out, s->place);
    }
}

static void write_table(FILE *out, const struct lp_ranking *ranking)
{
    char text[2 * LP_HUMAN_MAX], pace[128];

    if (ranking->n == 0) {
        fprintf(out, "flat: no place grew by more than %d standard errors and the floor (",
                LP_SUSPECT_SIGMAS);
        for (int r = 0, n = 0; r < LP_SNAPSHOT_PROFILES; r++)
            if (lp_resource(r))
                fprintf(out, "%s%s %s", n++ ? ", " : "", lp_resource(r)->name,
                        lp_human(text, lp_resource(r)->floor, lp_resource(r)->unit, false));
        fprintf(out, ")\n");
        return;
    }
    fprintf(out, "rank  resource  growth               a second    now         of limit  allocated "
                 " freed      "
                 "oldest    median    function  file:line\n");
    for (size_t i = 0; i < ranking->n; i++) {
        const struct lp_suspect *s = &ranking->suspects[i];
        const char *unit = lp_resource(s->resource)->unit;
        double second = ranking->seconds > 0 ? (double)s->growth / ranking->seconds : 0;

        fprintf(out, "%4zu  ", i + 1);
        column(out, 10, lp_resource(s->resource)->name);
        column(out, 21, lp_human_error(text, s->growth, sqrt(s->variance), unit, true));
        column(out, 12, lp_human(text, llround(second), unit, true));
        column(out, 12, lp_human(text, s->to, unit, false));
        column(out, 10, lp_human_share(text, s->share, 1));
        write_books(out, s, ranking->to->profiles[s->resource]->kind->tallies);
        write_place(out, s->place);
    }
    write_pace(pace, sizeof(pace), ranking, &ranking->suspects[0]);
    fprintf(out, "\n%s: %s\n", lp_resource(ranking->suspects[0].resource)->name, pace);
}

int lp_write_suspects_text(FILE *out, const struct lp_snapshot *from, const struct lp_snapshot *to)
{
    struct lp_ranking ranking;
    char text[2 * LP_HUMAN_MAX];

    int rc = lp_rank(&ranking, from, to);
    if (rc == 0) {
        fprintf(out, "what grew from %s", from->id ? "" : "now");
        if (from->id)
            fprintf(out, "snapshot %d", from->id);
        if (to->id)
            fprintf(out, " to snapshot %d", to->id);
        else
            fprintf(out, " to now");
        fprintf(out, ", in %.1f s\n", ranking.seconds);
        for (int r = 0; r < LP_SNAPSHOT_PROFILES; r++)
            if (lp_resource(r))
                fprintf(out, "%s %s, ", lp_resource(r)->name,
                        lp_human_error(text, ranking.total[r], ranking.total_error[r],
                                       lp_resource(r)->unit, true));
        fprintf(out, "RSS %s\n\n",
                lp_human(text, to->figures.rss_bytes - from->figures.rss_bytes, "bytes", true));
        write_table(out, &ranking);
        write_churn(out, &ranking);
    }
    lp_ranking_release(&ranking);
    return rc != 0 ? rc : ferror(out) ? -EIO : 0;
}
