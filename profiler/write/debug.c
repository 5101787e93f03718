/*
 * debug=1 and debug=2: the texts that Go's pages show, for people and for tools that still parse
 * them.
 *
 * debug=1 has a paragraph per stack: figures, addresses, and the names of the addresses.
 *
 * debug=2 has a paragraph per thread, descriptor, mapping or child.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "record/allocator.h"
#include "profile/heap.h"
#include "profile/maps.h"
#include "symbolize/clean.h"
#include "symbolize/frames.h"
#include "write/human.h"
#include "write/nameless.h"
#include "write/notes.h"
#include "write/redact.h"
#include "write/write.h"

/* Names of threads and paths may contain any bytes, including newlines. */
static const char *safe(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text ? text : "");
    lp_clean(out);
    return out;
}

/* For go_head and go_row, which use no fields of an item. */
static const struct lp_item no_item = {.state_ns = -1};

/* Writes one of the kind's forms (profile/profile.h): go_head and go_row with values, item with an
 * item. */
static void write_form(FILE *out, const char *form, const int64_t values[LP_VALUES_MAX],
                       const struct lp_item *item)
{
    char text[1024];

    for (; *form; form++) {
        if (*form != '$') {
            fputc(*form, out);
            continue;
        }
        switch (*++form) {
        case 'i':
            fprintf(out, "%" PRId64, item->id);
            break;
        case 'n':
            fputs(safe(text, sizeof(text), item->name), out);
            break;
        case 'S':
            fputs(item->state && *item->state ? " " : "", out);
            /* fall through */
        case 's':
            fputs(safe(text, sizeof(text), item->state), out);
            break;
        case 'w':
            if (item->state_ns >= 0)
                fprintf(out, ", %s", lp_human(text, item->state_ns, "nanoseconds", false));
            if (item->deadlock)
                fputs(item->deadlock == LP_DEADLOCK_MEMBER ? ", deadlock" : ", behind a deadlock",
                      out);
            break;
        default:
            fprintf(out, "%" PRId64, values[*form - '0']);
        }
    }
}

static void write_stack(FILE *out, const struct lp_profile *profile, const struct lp_row *row,
                        const struct lp_profile_kind *kind, struct lp_lines *lines)
{
    uint32_t id = row->stack;
    const struct lp_heap *heap = lp_heap_of(profile);
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
    if (heap && lp_ages_get(heap->ages, id, &age))
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
    if (trim && !trim->known)
        fprintf(out, "# gc: not known with %s\n", lp_allocator_name());
    else if (trim)
        fprintf(out,
                "# gc: malloc_trim returned %d; RSS %" PRId64 " bytes before, %" PRId64
                " after; free in malloc's arenas %" PRId64 " bytes before, %" PRId64 " after\n",
                trim->returned, trim->rss_before, trim->rss_after, trim->free_before,
                trim->free_after);
}

static void write_notes(FILE *out, const struct lp_profile *profile, const struct lp_view *view)
{
    const struct lp_profile_kind *kind = view->kind;
    char total[2 * LP_HUMAN_MAX];
    const int64_t *own = lp_maps_own(profile);
    struct lp_notes notes;
    bool sampled = false;

    lp_notes_of(&notes, profile);
    for (int i = 0; i < notes.n; i++)
        fprintf(out, "# %s\n", notes.at[i]);
    for (int v = 0; v < kind->nvalues; v++) {
        double error;
        int64_t sum = lp_profile_total(profile, v, &error);
        if (error <= 0)
            continue;
        if (!sampled && lp_heap_rates_mixed(profile))
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
    if (own && own[0] > 0) {
        fprintf(out, "# the profiler's own, left out:");
        for (int v = 0; v < kind->nvalues; v++)
            fprintf(out, "%s %s %s", v ? "," : "", kind->values[v].type,
                    lp_human(total, own[v], kind->values[v].unit, false));
        fputc('\n', out);
    }
    fprintf(out, "# losses: %" PRIu64 "\n", profile->losses);
    write_trim(out, view->trim);
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

static int write_rows(FILE *out, const struct lp_profile *profile, const struct lp_view *view,
                      struct lp_lines *lines)
{
    const struct lp_profile_kind *kind = view->kind;
    const struct lp_row **rows = malloc((profile->nrows + 1) * sizeof(*rows));
    if (!rows)
        return -ENOMEM;
    for (size_t i = 0; i < profile->nrows; i++)
        rows[i] = &profile->rows[i];
    sort_kind = kind;
    qsort(rows, profile->nrows, sizeof(*rows), by_size);

    if (kind->go_head) {
        int64_t totals[LP_VALUES_MAX];
        for (int v = 0; v < LP_VALUES_MAX; v++)
            totals[v] = lp_profile_total(profile, v, NULL);
        write_form(out, kind->go_head, totals, &no_item);
    } else {
        fprintf(out, "%s profile: total %" PRId64 "\n", kind->name,
                lp_profile_total(profile, kind->shown_value, NULL));
    }
    write_notes(out, profile, view);
    for (size_t i = 0; i < profile->nrows; i++) {
        if (kind->go_row)
            write_form(out, kind->go_row, rows[i]->value, &no_item);
        else
            fprintf(out, "%" PRId64 " @", rows[i]->value[kind->shown_value]);
        write_stack(out, profile, rows[i], kind, lines);
    }
    lp_notes_tail(out, profile);
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

static void write_item(FILE *out, const struct lp_item *item, const struct lp_view *view,
                       struct lp_lines *lines)
{
    const struct lp_profile_kind *kind = view->kind;
    char age[LP_HUMAN_MAX], state[LP_REDACTED_MAX];
    struct lp_item shown = *item;

    shown.state = lp_state_of(item, view->redact, state);
    write_form(out, kind->item, item->value, &shown);
    for (int v = 1; v < kind->nvalues; v++)
        if (item->value[v])
            fprintf(out, ", %s %s", kind->values[v].type,
                    lp_human(age, item->value[v], kind->values[v].unit, false));
    if (item->age_ns >= 0)
        fprintf(out, ", %s %s", kind->item_age ? kind->item_age : "for",
                lp_human(age, item->age_ns, "nanoseconds", false));
    fprintf(out, ":\n");
    write_item_stack(out, item->stack, lines);
    if (item->creator != LP_STACK_NONE) {
        fprintf(out, "created by\n");
        write_item_stack(out, item->creator, lines);
    }
    fputc('\n', out);
}

int lp_write_debug(FILE *out, const struct lp_profile *profile, const struct lp_view *view,
                   int level)
{
    const struct lp_profile_kind *kind = view->kind;
    struct lp_lines *lines = malloc(sizeof(*lines));
    int rc = 0;

    if (!lines)
        return -ENOMEM;
    lp_modules_refresh();
    if (level >= 2 && kind->item && !profile->delta) {
        write_trim(out, view->trim);
        if (profile->losses > 0)
            fprintf(out, "# losses: %" PRIu64 "\n\n", profile->losses);
        for (size_t i = 0; i < profile->nitems; i++)
            write_item(out, &profile->items[i], view, lines);
    } else {
        rc = write_rows(out, profile, view, lines);
    }
    lp_write_nameless(out, profile);
    free(lines);
    return rc != 0 ? rc : ferror(out) ? -EIO : 0;
}
