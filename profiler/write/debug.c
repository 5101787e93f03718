/*
 * debug=1 and debug=2: the texts that Go's pages show, for eyes and for tools that still parse
 * them.
 *
 * debug=1 has a paragraph for each stack: figures, addresses, then what the addresses mean. Heap
 * figures here are already scaled up from the samples, so the head says `heap/2` (one sample for
 * each byte: Go's parser halves it): with the true rate there, pprof would scale them up once more.
 * The true rate stands in a comment.
 *
 * debug=2 has a paragraph for each thread, descriptor, mapping or child.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "write/cpu.h"
#include "write/write.h"
#include "symbolize/frames.h"
#include "symbolize/clean.h"
#include "write/human.h"
#include "write/nameless.h"
#include "write/rates.h"
#include "write/footprint.h"

/* inuse_objects: inuse_bytes [alloc_objects: alloc_bytes] */
static void write_heap_figures(FILE *out, const int64_t v[LP_VALUES_MAX])
{
    fprintf(out, "%" PRId64 ": %" PRId64 " [%" PRId64 ": %" PRId64 "] @", v[2], v[3], v[0], v[1]);
}

/* The head that Go's profiles of contention have. Delays are in ns, and figures are scaled up
 * already: with the true period there, pprof would scale them up once more. */
static void write_contention_head(FILE *out, const struct lp_profile_kind *kind)
{
    fprintf(out, "--- %s:\ncycles/second=1000000000\n", kind->contention);
    if (strcmp(kind->contention, "mutex") == 0)
        fprintf(out, "sampling period=1\n");
}

/* Names of threads and paths may hold anything, line ends too. */
static const char *safe(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text ? text : "");
    lp_clean(out);
    return out;
}

static void write_stack(FILE *out, const struct lp_profile *profile, const struct lp_row *row,
                        const struct lp_profile_kind *kind, struct lp_lines *lines)
{
    uint32_t id = row->stack;
    struct lp_stack stack = lp_stack_get(id);
    struct lp_age age;
    char label[256], oldest[LP_HUMAN_MAX], median[LP_HUMAN_MAX];

    if (!lp_special_frame(id))
        for (uint32_t i = 0; i < stack.nframes; i++)
            fprintf(out, " 0x%" PRIxPTR, stack.frames[i]);
    fputc('\n', out);
    if (kind->label_key && !kind->label_unit && row->label_text)
        fprintf(out, "# labels: {\"%s\":\"%s\"}\n", kind->label_key,
                safe(label, sizeof(label), row->label_text));
    if (lp_ages_get(profile->ages, id, &age))
        fprintf(out, "# survivors of this stack: oldest %s, median %s\n",
                lp_human_age(oldest, age.oldest_ns), lp_human_age(median, age.median_ns));

    lp_lines_of(id, lines);
    for (uint32_t i = 0; i < lines->n; i++) {
        const struct lp_line *line = &lines->at[i];
        fprintf(out, "#\t0x%" PRIxPTR "\t%s", line->address, line->frame->shown);
        if (line->symbol && line->symbol->entry)
            fprintf(out, "+0x%" PRIxPTR, line->address - line->symbol->entry);
        if (line->frame->file[0])
            fprintf(out, "\t%s:%d", line->frame->file, line->frame->line);
        fputc('\n', out);
    }
    fputc('\n', out);
}

static void write_trim(FILE *out, const struct lp_trim *trim)
{
    if (trim->done)
        fprintf(out,
                "# gc: malloc_trim returned %d; RSS %" PRId64 " bytes before, %" PRId64
                " after; free in malloc's arenas %" PRId64 " bytes before, %" PRId64 " after\n",
                trim->returned, trim->rss_before, trim->rss_after, trim->free_before,
                trim->free_after);
}

static void write_notes(FILE *out, const struct lp_profile *profile,
                        const struct lp_profile_kind *kind)
{
    char total[2 * LP_HUMAN_MAX], rates[LP_RATES_TEXT_MAX];
    char lines[LP_CPU_LINES][LP_CPU_LINE_MAX];
    bool sampled = false;

    for (int i = 0, n = lp_cpu_lines(lines, &profile->cpu); i < n; i++)
        fprintf(out, "# %s\n", lines[i]);
    if (lp_rates_mixed(&profile->rates))
        fprintf(out, "# %s\n", lp_rates_text(rates, &profile->rates));
    if (profile->note)
        fprintf(out, "# %s\n", profile->note);

    for (int v = 0; v < kind->nvalues; v++) {
        double error;
        int64_t sum = lp_profile_total(profile, v, &error);
        if (error <= 0)
            continue;
        if (!sampled && lp_rates_mixed(&profile->rates))
            fprintf(out, "# sampled at mixed rates; figures are estimates:\n");
        else if (!sampled && profile->note)
            fprintf(out, "# figures are estimates:\n");
        else if (!sampled)
            fprintf(out, "# sampled once in %" PRId64 " %s; figures are estimates:\n",
                    profile->period, kind->period.unit);
        sampled = true;
        fprintf(out, "# %s: %s (one standard error)\n", kind->values[v].type,
                lp_human_error(total, sum, error, kind->values[v].unit, false));
    }
    if (profile->own[0] > 0) {
        fprintf(out, "# the profiler's own, left out:");
        for (int v = 0; v < kind->nvalues; v++)
            fprintf(out, "%s %s %s", v ? "," : "", kind->values[v].type,
                    lp_human(total, profile->own[v], kind->values[v].unit, false));
        fputc('\n', out);
    }
    fprintf(out, "# losses: %" PRIu64 "\n", profile->losses);
    write_trim(out, &profile->trim);
}

static int64_t size_of(const struct lp_row *row, const struct lp_profile_kind *kind)
{
    return llabs(row->value[kind->shown_value]);
}

static const struct lp_profile_kind *sort_kind;

static int by_size(const void *x, const void *y)
{
    const struct lp_row *a = *(const struct lp_row *const *)x,
                        *b = *(const struct lp_row *const *)y;
    int64_t sa = size_of(a, sort_kind), sb = size_of(b, sort_kind);

    return sa != sb ? (sa > sb ? -1 : 1) : (a->stack > b->stack) - (a->stack < b->stack);
}

static int write_rows(FILE *out, const struct lp_profile *profile,
                      const struct lp_profile_kind *kind, struct lp_lines *lines)
{
    const struct lp_row **rows = malloc((profile->nrows + 1) * sizeof(*rows));
    if (!rows)
        return -ENOMEM;
    for (size_t i = 0; i < profile->nrows; i++)
        rows[i] = &profile->rows[i];
    sort_kind = kind;
    qsort(rows, profile->nrows, sizeof(*rows), by_size);

    if (kind->tallies) {
        int64_t totals[LP_VALUES_MAX];
        for (int v = 0; v < LP_VALUES_MAX; v++)
            totals[v] = lp_profile_total(profile, v, NULL);
        fprintf(out, "heap profile: ");
        write_heap_figures(out, totals);
        fprintf(out, " heap/2\n");
    } else if (kind->contention) {
        write_contention_head(out, kind);
    } else {
        fprintf(out, "%s profile: total %" PRId64 "\n", kind->name,
                lp_profile_total(profile, kind->shown_value, NULL));
    }
    write_notes(out, profile, kind);
    for (size_t i = 0; i < profile->nrows; i++) {
        if (kind->tallies)
            write_heap_figures(out, rows[i]->value);
        else if (kind->contention)
            fprintf(out, "%" PRId64 " %" PRId64 " @", rows[i]->value[1], rows[i]->value[0]);
        else
            fprintf(out, "%" PRId64 " @", rows[i]->value[kind->shown_value]);
        write_stack(out, profile, rows[i], kind, lines);
    }
    if (profile->weight.taken)
        lp_footprint_text(out, &profile->weight);
    free(rows);
    return 0;
}

static void write_item_stack(FILE *out, uint32_t stack, struct lp_lines *lines)
{
    lp_lines_of(stack, lines);
    for (uint32_t i = 0; i < lines->n; i++) {
        const struct lp_line *line = &lines->at[i];
        if (!line->symbol) {
            fprintf(out, "%s\n", line->frame->shown);
            continue;
        }
        fprintf(out, "%s(...)\n\t%s:%d", line->frame->shown,
                line->frame->file[0] ? line->frame->file : "?", line->frame->line);
        if (line->symbol->entry)
            fprintf(out, " +0x%" PRIxPTR, line->address - line->symbol->entry);
        fputc('\n', out);
    }
}

static void write_item(FILE *out, const struct lp_item *item, const struct lp_profile_kind *kind,
                       struct lp_lines *lines)
{
    char age[LP_HUMAN_MAX];
    bool thread = strcmp(kind->item, "thread") == 0;
    char name[256], state[1024];
    safe(name, sizeof(name), item->name);
    safe(state, sizeof(state), item->state);

    if (thread)
        fprintf(out, "%s %" PRId64 " [%s", kind->item, item->id, state);
    else if (strcmp(kind->item, "mapping") == 0) /* its address stands in its state, as is usual */
        fprintf(out, "%s [%s] %s", kind->item, name, state);
    else
        fprintf(out, "%s %" PRId64 " [%s]%s%s", kind->item, item->id, name, state[0] ? " " : "",
                state);
    if (item->state_ns >= 0 && kind->nvalues == 1) /* else it is among the values */
        fprintf(out, ", %s", lp_human(age, item->state_ns, "nanoseconds", false));
    if (thread)
        fprintf(out, "] \"%s\"", name);
    for (int v = 1; v < kind->nvalues; v++)
        if (item->value[v])
            fprintf(out, ", %s %s", kind->values[v].type,
                    lp_human(age, item->value[v], kind->values[v].unit, false));
    if (item->age_ns >= 0)
        fprintf(out, ", %s %s", strcmp(kind->item, "fd") == 0 ? "open" : "for",
                lp_human(age, item->age_ns, "nanoseconds", false));
    fprintf(out, ":\n");
    write_item_stack(out, item->stack, lines);
    if (item->creator != LP_STACK_NONE) {
        fprintf(out, "created by\n");
        write_item_stack(out, item->creator, lines);
    }
    fputc('\n', out);
}

int lp_write_debug(FILE *out, const struct lp_profile *profile, const struct lp_profile_kind *kind,
                   int level)
{
    struct lp_lines *lines = malloc(sizeof(*lines));
    int rc = 0;

    if (!lines)
        return -ENOMEM;
    lp_modules_refresh();
    if (level >= 2 && kind->item && !profile->delta) {
        write_trim(out, &profile->trim);
        if (profile->losses > 0)
            fprintf(out, "# losses: %" PRIu64 "\n\n", profile->losses);
        for (size_t i = 0; i < profile->nitems; i++)
            write_item(out, &profile->items[i], kind, lines);
    } else {
        rc = write_rows(out, profile, kind, lines);
    }
    lp_write_nameless(out, profile);
    free(lines);
    return rc != 0 ? rc : ferror(out) ? -EIO : 0;
}
