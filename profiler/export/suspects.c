/*
 * The ranking. Every row of both snapshots and of their difference is booked on its place (the
 * guilty frame of its stack), all of them sorted by place, and neighbours added up; what is then
 * big enough and certain enough is sorted by the share of the limit that its growth took.
 *
 * A stack that shrank counts against the others at its place: a place whose work merely moved from
 * one caller to another has not grown.
 */
#include "export/suspects.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "export/frames.h"
#include "export/human.h"
#include "export/limits.h"

struct suspect {
    const struct lp_frame *place;
    int resource; /* index below, and in a snapshot's profiles */
    int64_t growth, from, to;
    double variance;
    int64_t biggest; /* growth of `stack`, the one that grew most */
    uint32_t stack;
    double share; /* of the limit */
};

struct resource {
    const char *name, *unit;
    int64_t floor;
};

static const struct resource resources[LP_SNAPSHOT_PROFILES] = {
    {"heap", "bytes", LP_SUSPECT_FLOOR_BYTES},
    {"threads", "count", LP_SUSPECT_FLOOR_THREADS},
    {"fds", "count", LP_SUSPECT_FLOOR_FDS},
};

struct report {
    const struct lp_snapshot *from, *to;
    double seconds;
    int64_t limit[LP_SNAPSHOT_PROFILES];
    int64_t used[LP_SNAPSHOT_PROFILES]; /* of the limit, in the second snapshot */
    int64_t total[LP_SNAPSHOT_PROFILES];
    double total_error[LP_SNAPSHOT_PROFILES];
    struct suspect *suspects; /* first all bookings, then what is left of them, ranked */
    size_t n, room;
};

static int by_place(const void *x, const void *y)
{
    const struct suspect *a = x, *b = y;

    if (a->resource != b->resource)
        return a->resource - b->resource;
    int order = strcmp(a->place->function, b->place->function);
    if (order == 0)
        order = strcmp(a->place->file, b->place->file);
    return order ? order : a->place->line - b->place->line;
}

static int by_rank(const void *x, const void *y)
{
    const struct suspect *a = x, *b = y;

    if (a->share != b->share)
        return a->share > b->share ? -1 : 1;
    return by_place(a, b);
}

static int book(struct report *report, const struct suspect *booking)
{
    if (report->n == report->room) {
        size_t room = report->room ? report->room * 2 : 256;
        struct suspect *suspects = realloc(report->suspects, room * sizeof(*suspects));
        if (!suspects)
            return -ENOMEM;
        report->suspects = suspects;
        report->room = room;
    }
    report->suspects[report->n++] = *booking;
    return 0;
}

enum side { FROM, TO, GROWTH };

static int book_rows(struct report *report, int resource, const struct lp_profile *profile,
                     enum side side)
{
    int value = profile->kind->growth_value, rc = 0;

    for (size_t i = 0; rc == 0 && i < profile->nrows; i++) {
        const struct lp_row *row = &profile->rows[i];
        struct suspect booking = {.place = lp_place_of(row->stack), .resource = resource};
        if (side == FROM) {
            booking.from = row->value[value];
        } else if (side == TO) {
            booking.to = row->value[value];
        } else {
            booking.growth = booking.biggest = row->value[value];
            booking.variance = row->variance[value];
            booking.stack = row->stack;
        }
        rc = book(report, &booking);
    }
    return rc;
}

static void add_up(struct report *report)
{
    size_t n = 0;

    if (report->n == 0)
        return;
    qsort(report->suspects, report->n, sizeof(*report->suspects), by_place);
    for (size_t i = 1; i < report->n; i++) {
        struct suspect *sum = &report->suspects[n], *next = &report->suspects[i];
        if (by_place(sum, next) != 0) {
            report->suspects[++n] = *next;
            continue;
        }
        sum->growth += next->growth;
        sum->from += next->from;
        sum->to += next->to;
        sum->variance += next->variance;
        if (next->biggest > sum->biggest) {
            sum->biggest = next->biggest;
            sum->stack = next->stack;
        }
    }
    report->n = n + 1;
}

static void keep_and_rank(struct report *report)
{
    size_t n = 0;

    for (size_t i = 0; i < report->n; i++) {
        struct suspect *s = &report->suspects[i];
        if (s->growth < resources[s->resource].floor ||
            (double)s->growth <= LP_SUSPECT_SIGMAS * sqrt(s->variance))
            continue;
        s->share = (double)s->growth / (double)report->limit[s->resource];
        report->suspects[n++] = *s;
    }
    report->n = n;
    if (n > 0)
        qsort(report->suspects, n, sizeof(*report->suspects), by_rank);
}

static int make(struct report *report, const struct lp_snapshot *from, const struct lp_snapshot *to)
{
    struct lp_limits limits;
    int rc = 0;

    memset(report, 0, sizeof(*report));
    lp_modules_refresh();
    lp_limits_read(&limits);
    report->from = from;
    report->to = to;
    report->seconds = (double)(to->uptime_ns - from->uptime_ns) / 1e9;
    report->limit[0] = limits.memory;
    report->limit[1] = limits.threads;
    report->limit[2] = limits.fds;
    report->used[0] = to->figures.rss_bytes;
    report->used[1] = to->figures.threads;
    report->used[2] = to->figures.fds;

    for (int r = 0; rc == 0 && r < LP_SNAPSHOT_PROFILES; r++) {
        struct lp_profile *diff = lp_profile_diff(from->profiles[r], to->profiles[r]);
        if (!diff)
            return -ENOMEM;
        report->total[r] =
            lp_profile_total(diff, diff->kind->growth_value, &report->total_error[r]);
        rc = book_rows(report, r, diff, GROWTH);
        lp_profile_free(diff);
        if (rc == 0)
            rc = book_rows(report, r, from->profiles[r], FROM);
        if (rc == 0)
            rc = book_rows(report, r, to->profiles[r], TO);
    }
    if (rc == 0) {
        add_up(report);
        keep_and_rank(report);
    }
    return rc;
}

static void write_pace(char *out, size_t size, const struct report *report, const struct suspect *s)
{
    static const struct {
        double seconds;
        const char *name;
    } units[] = {{86400, "days"}, {3600, "hours"}, {60, "minutes"}, {0, "seconds"}};
    double pace = (double)s->growth / report->seconds;
    double left = (double)(report->limit[s->resource] - report->used[s->resource]) / pace;
    char limit[LP_HUMAN_MAX];
    int u = 0;

    lp_human(limit, report->limit[s->resource], resources[s->resource].unit, false);
    if (!(report->seconds > 0) || !(left > 0)) {
        snprintf(out, size, "the limit is %s", limit);
        return;
    }
    while (left < 2 * units[u].seconds)
        u++;
    double shown = left / (units[u].seconds > 0 ? units[u].seconds : 1);
    snprintf(out, size, "at this pace the limit of %s is reached in %.*f %s", limit, shown < 10,
             shown, units[u].name);
}

static void write_reason(char *out, size_t size, const struct report *report,
                         const struct suspect *s)
{
    char growth[2 * LP_HUMAN_MAX], pace[128], from[LP_HUMAN_MAX], to[LP_HUMAN_MAX];
    const char *unit = resources[s->resource].unit;

    write_pace(pace, sizeof(pace), report, s);
    snprintf(out, size, "%s %s in %.1f s (%s to %s); %s", resources[s->resource].name,
             lp_human_error(growth, s->growth, sqrt(s->variance), unit, true), report->seconds,
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

static json_t *suspect_json(const struct report *report, const struct suspect *s, size_t rank,
                            struct lp_lines *lines)
{
    char reason[512];

    write_reason(reason, sizeof(reason), report, s);
    return json_pack(
        "{s:I, s:s, s:s, s:s, s:s, s:i, s:s, s:I, s:s, s:f, s:f, s:f, s:I, s:I, s:I, s:o}", "rank",
        (json_int_t)rank, "resource", resources[s->resource].name, "profile",
        report->to->profiles[s->resource]->kind->name, "function", s->place->function, "file",
        s->place->file, "line", s->place->line, "reason", reason, "growth", (json_int_t)s->growth,
        "unit", resources[s->resource].unit, "growth_error", sqrt(s->variance), "growth_per_second",
        report->seconds > 0 ? (double)s->growth / report->seconds : 0.0, "share_of_limit", s->share,
        "limit", (json_int_t)report->limit[s->resource], "from_value", (json_int_t)s->from,
        "to_value", (json_int_t)s->to, "stack", stack_json(s->stack, lines));
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
    struct report report = {0};
    json_t *json = NULL;
    int rc = lines ? make(&report, from, to) : -ENOMEM;
    if (rc != 0)
        goto out;

    json_t *suspects = json_array(), *totals = json_object();
    for (size_t i = 0; i < report.n; i++)
        json_array_append_new(suspects, suspect_json(&report, &report.suspects[i], i + 1, lines));
    for (int r = 0; r < LP_SNAPSHOT_PROFILES; r++)
        json_object_set_new(totals, resources[r].name,
                            json_pack("{s:I, s:f, s:s, s:I}", "growth", (json_int_t)report.total[r],
                                      "growth_error", report.total_error[r], "unit",
                                      resources[r].unit, "limit", (json_int_t)report.limit[r]));
    json = json_pack("{s:o, s:o, s:f, s:o, s:o, s:I}", "from", snapshot_json(from), "to",
                     snapshot_json(to), "seconds", report.seconds, "suspects", suspects, "totals",
                     totals, "rss_growth",
                     (json_int_t)(to->figures.rss_bytes - from->figures.rss_bytes));
    rc = !json ? -ENOMEM : json_dumpf(json, out, JSON_INDENT(1)) != 0 ? -EIO : 0;
    fputc('\n', out);
out:
    json_decref(json);
    free(report.suspects);
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

static void write_table(FILE *out, const struct report *report)
{
    char text[2 * LP_HUMAN_MAX], pace[128];

    if (report->n == 0) {
        fprintf(
            out,
            "flat: no place grew by more than %d standard errors and the floor (%s, %d threads, "
            "%d descriptors)\n",
            LP_SUSPECT_SIGMAS, lp_human(text, LP_SUSPECT_FLOOR_BYTES, "bytes", false),
            LP_SUSPECT_FLOOR_THREADS, LP_SUSPECT_FLOOR_FDS);
        return;
    }
    fprintf(out, "rank  resource  growth               a second    now         of limit  function  "
                 "file:line\n");
    for (size_t i = 0; i < report->n; i++) {
        const struct suspect *s = &report->suspects[i];
        const char *unit = resources[s->resource].unit;
        double second = report->seconds > 0 ? (double)s->growth / report->seconds : 0;

        fprintf(out, "%4zu  ", i + 1);
        column(out, 10, resources[s->resource].name);
        column(out, 21, lp_human_error(text, s->growth, sqrt(s->variance), unit, true));
        column(out, 12, lp_human(text, llround(second), unit, true));
        column(out, 12, lp_human(text, s->to, unit, false));
        column(out, 10, lp_human_share(text, s->share, 1));
        fprintf(out, "%s", s->place->function);
        if (s->place->file[0])
            fprintf(out, "  %s:%d", s->place->file, s->place->line);
        fputc('\n', out);
    }
    write_pace(pace, sizeof(pace), report, &report->suspects[0]);
    fprintf(out, "\n%s: %s\n", resources[report->suspects[0].resource].name, pace);
}

int lp_write_suspects_text(FILE *out, const struct lp_snapshot *from, const struct lp_snapshot *to)
{
    struct report report;
    char text[2 * LP_HUMAN_MAX];

    int rc = make(&report, from, to);
    if (rc == 0) {
        fprintf(out, "what grew from %s", from->id ? "" : "now");
        if (from->id)
            fprintf(out, "snapshot %d", from->id);
        if (to->id)
            fprintf(out, " to snapshot %d", to->id);
        else
            fprintf(out, " to now");
        fprintf(out, ", in %.1f s\n", report.seconds);
        for (int r = 0; r < LP_SNAPSHOT_PROFILES; r++)
            fprintf(out, "%s %s, ", resources[r].name,
                    lp_human_error(text, report.total[r], report.total_error[r], resources[r].unit,
                                   true));
        fprintf(out, "RSS %s\n\n",
                lp_human(text, to->figures.rss_bytes - from->figures.rss_bytes, "bytes", true));
        write_table(out, &report);
    }
    free(report.suspects);
    return rc != 0 ? rc : ferror(out) ? -EIO : 0;
}
