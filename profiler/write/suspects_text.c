/* The suspects as text for a terminal. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "write/deadlocks.h"
#include "write/human.h"
#include "write/suspects.h"

/* printf counts bytes, and "±" has two. Columns are at least two spaces apart. */
static void column(FILE *out, int width, const char *text)
{
    int n = fprintf(out, "%s", text);

    for (const char *s = text; *s; s++)
        n -= (*s & 0xc0) == 0x80;
    fprintf(out, "%*s", n + 2 < width ? width - n : 2, "");
}

/* Two columns of bytes and two of ages, if there are any. */
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

enum { GROWTH_WIDTH = 34, GROWTH_MAX = 4 * LP_HUMAN_MAX };

/* With the interval, unless it is exact. */
static const char *growth(char out[GROWTH_MAX], const struct lp_suspect *s, const char *unit)
{
    char value[LP_HUMAN_MAX], low[LP_HUMAN_MAX], high[LP_HUMAN_MAX];

    lp_human(value, s->growth, unit, true);
    if (s->interval.high - s->interval.low < 1)
        snprintf(out, GROWTH_MAX, "%s", value);
    else
        snprintf(out, GROWTH_MAX, "%s (%s to %s)", value,
                 lp_human(low, llround(s->interval.low), unit, false),
                 lp_human(high, llround(s->interval.high), unit, false));
    return out;
}

/* Growth that is certain, but younger than a tenth of the window. */
static bool only_in_flight(const struct lp_suspect *s)
{
    return s->in_flight && s->interval.low > 0;
}

static void write_busy(FILE *out, const struct lp_ranking *ranking, bool in_flight,
                       const char *title)
{
    char text[GROWTH_MAX];
    size_t n = 0;

    for (size_t i = 0; i < ranking->nchurn; i++) {
        const struct lp_suspect *s = &ranking->churn[i];
        if (only_in_flight(s) != in_flight)
            continue;
        if (n++ == 0)
            fprintf(out,
                    "\n%s\ngrowth (95 %%)                     allocated  freed      oldest    "
                    "median    function  file:line\n",
                    title);
        column(out, GROWTH_WIDTH, growth(text, s, "bytes"));
        write_books(out, s, true);
        write_place(out, s->place);
    }
}

static void write_churn(FILE *out, const struct lp_ranking *ranking)
{
    write_busy(out, ranking, false, "busy but not growing: churn, not suspect");
    write_busy(out, ranking, true,
               "busy when the last snapshot was taken: what grew is younger than a tenth of the "
               "window, so it is not suspect");
}

static void write_little(FILE *out, const struct lp_ranking *ranking)
{
    char text[GROWTH_MAX];

    if (ranking->nlittle == 0)
        return;
    fprintf(out, "\ngrew, but too little or in too few steps to judge\nresource    growth (95 %%)  "
                 "                   "
                 "function  file:line\n");
    for (size_t i = 0; i < ranking->nlittle; i++) {
        const struct lp_suspect *s = &ranking->little[i];
        column(out, 12, ranking->tracked[s->resource].is->name);
        column(out, GROWTH_WIDTH, growth(text, s, ranking->tracked[s->resource].is->unit));
        write_place(out, s->place);
    }
    if (ranking->little_more > 0)
        fprintf(out, "and %zu more, heap %s together\n", ranking->little_more,
                lp_human(text, ranking->little_growth, "bytes", true));
}

static void write_flat(FILE *out, const struct lp_ranking *ranking)
{
    char limit[LP_REASON_MAX];

    lp_suspects_limit(limit, ranking);
    limit[0] = (char)toupper((unsigned char)limit[0]);
    fprintf(out, "flat: %s. %s.\n",
            ranking->nlittle == 0
                ? "no place grew"
                : "no place grew by more than chance or one-time allocations explain",
            limit);
}

static void write_table(FILE *out, const struct lp_ranking *ranking)
{
    char text[GROWTH_MAX];

    fprintf(out, "rank  resource    growth (95 %%)                     a second    now         of "
                 "limit  allocated "
                 " freed      oldest    median    function  file:line\n");
    for (size_t i = 0; i < ranking->n; i++) {
        const struct lp_suspect *s = &ranking->suspects[i];
        const struct lp_resource *resource = ranking->tracked[s->resource].is;
        double second = ranking->seconds > 0 ? (double)s->growth / ranking->seconds : 0;

        fprintf(out, "%4zu  ", i + 1);
        column(out, 12, resource->name);
        column(out, GROWTH_WIDTH, growth(text, s, resource->unit));
        column(out, 12, lp_human(text, llround(second), resource->unit, true));
        column(out, 12, lp_human(text, s->to, resource->unit, false));
        column(out, 10, lp_human_share(text, s->share, 1));
        write_books(out, s, lp_ranks_heap(ranking, s));
        write_place(out, s->place);
    }
}

/* One paragraph per suspect: the verdict, its reason, and when the limit would be reached. */
static void write_verdicts(FILE *out, const struct lp_ranking *ranking)
{
    char text[LP_REASON_MAX];

    for (size_t i = 0; i < ranking->n; i++) {
        const struct lp_suspect *s = &ranking->suspects[i];
        const char *unit = ranking->tracked[s->resource].is->unit;
        lp_suspect_reason(text, ranking, s);
        fprintf(out, "\n%zu  %s: %s.\n", i + 1, lp_verdict_name(s->judgement.verdict), text);
        if (s->judgement.verdict > LP_TOO_EARLY)
            continue;
        if (ranking->requests > 0) {
            double each = (double)s->growth / (double)ranking->requests;
            if (fabs(each) < 10)
                snprintf(text, sizeof(text), "%.2g%s", each, strcmp(unit, "bytes") ? "" : " B");
            else
                lp_human(text, llround(each), unit, false);
            fprintf(out, "   %s a request; ", text);
        } else {
            fprintf(out, "   ");
        }
        lp_suspect_pace(text, ranking, s);
        fprintf(out, "%s.\n", text);
    }
}

static void write_window(FILE *out, const struct lp_ranking *ranking)
{
    const struct lp_snapshot *from = ranking->from, *to = ranking->to;
    char text[2 * LP_HUMAN_MAX];

    fprintf(out, "what grew from snapshot %d to ", from->id);
    if (to->id)
        fprintf(out, "snapshot %d", to->id);
    else
        fprintf(out, "now");
    fprintf(out, ", in %.1f s", ranking->seconds);
    if (ranking->series->n > 2)
        fprintf(out, " and %zu snapshots", ranking->series->n);
    if (ranking->requests > 0)
        fprintf(out, ", with %s requests", lp_human(text, ranking->requests, "count", false));
    fputc('\n', out);
    if (lp_suspects_note(ranking))
        fprintf(out, "%s\n", lp_suspects_note(ranking));
    for (int r = 0; r < ranking->nresources; r++)
        fprintf(out, "%s %s, ", ranking->tracked[r].is->name,
                ranking->missing[r] ? ranking->missing[r]
                : r == ranking->nresources - 1 && !to->unused.known
                    ? "not known"
                    : lp_human_error(text, ranking->total[r], ranking->total_error[r],
                                     ranking->tracked[r].is->unit, true));
    fprintf(out, "RSS %s\n\n",
            lp_human(text, to->figures.rss_bytes - from->figures.rss_bytes, "bytes", true));
}

int lp_write_suspects_text(FILE *out, const struct lp_series *series)
{
    struct lp_ranking ranking;

    int rc = lp_rank(&ranking, series);
    if (rc == 0) {
        write_window(out, &ranking);
        lp_write_deadlocks_text(out, ranking.to);
        if (ranking.n == 0)
            write_flat(out, &ranking);
        else
            write_table(out, &ranking);
        write_little(out, &ranking);
        write_churn(out, &ranking);
        write_verdicts(out, &ranking);
    }
    lp_ranking_release(&ranking);
    return rc != 0 ? rc : ferror(out) ? -EIO : 0;
}
