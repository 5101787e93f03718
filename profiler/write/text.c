/*
 * format=text: one table for people, one line per function. `flat` is the function's own share,
 * `cum` includes everything that it called. A function that is twice in a stack counts once. The
 * line shown is that of the largest stack through the function. Ages are those of the live blocks
 * in `cum`. In a difference of the heap, the allocated and freed columns also belong to `cum`. A
 * function that allocated and freed the same amount is shown with a growth of 0.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "profile/heap.h"
#include "symbolize/frames.h"
#include "sys/array.h"
#include "sys/table.h"
#include "write/human.h"
#include "write/nameless.h"
#include "write/notes.h"
#include "write/write.h"

enum { LINES_SHOWN = 80 };

struct entry {
    const struct lp_frame *frame;
    int64_t flat, cum, biggest;
    double flat_variance, cum_variance;
    int64_t allocated, freed; /* only in a delta of the heap, for what cum covers */
    size_t last_row;          /* the last row counted here, plus one */
    uint32_t last_aged;       /* the last stack whose ages were added here, plus one */
    struct lp_age_sum *ages;  /* NULL: none yet */
};

struct table {
    struct entry *entries;
    size_t n, capacity;
    struct lp_table numbers; /* function to index, plus one */
};

struct wanted {
    const struct table *table;
    const struct lp_frame *frame;
};

static bool is_entry(uint64_t number, const void *key)
{
    const struct wanted *wanted = key;
    return lp_same_function(wanted->table->entries[number - 1].frame, wanted->frame);
}

static struct entry *entry_of(struct table *table, const struct lp_frame *frame)
{
    struct lp_table_slot *slot =
        lp_table_slot(&table->numbers, lp_table_hash_text(frame->function, 0), is_entry,
                      &(struct wanted){table, frame});
    if (slot && slot->value)
        return &table->entries[slot->value - 1];
    if (!slot ||
        !lp_array_reserve(&table->entries, &table->capacity, table->n + 1, sizeof *table->entries))
        return NULL;
    table->entries[table->n] = (struct entry){.frame = frame};
    lp_table_fill(&table->numbers, slot, ++table->n);
    return &table->entries[table->n - 1];
}

/* Rows are sorted by stack, and ages belong to a stack: each stack's are added once. */
static bool add_ages(struct entry *entry, const struct lp_ages *ages, uint32_t stack)
{
    if (!ages || entry->last_aged == stack + 1)
        return true;
    entry->last_aged = stack + 1;
    if (!entry->ages && !(entry->ages = calloc(1, sizeof(*entry->ages))))
        return false;
    lp_ages_add(ages, stack, entry->ages);
    return true;
}

static const struct lp_ages *ages_of(const struct lp_profile *profile)
{
    return lp_heap_of(profile) ? lp_heap_of(profile)->ages : NULL;
}

static bool has_window(const struct lp_profile *profile)
{
    return profile->delta && lp_heap_of(profile);
}

static int fill(struct table *table, const struct lp_profile *profile, int value)
{
    struct lp_lines *lines = malloc(sizeof(*lines));
    int rc = lines ? 0 : -ENOMEM;
    bool window = has_window(profile);
    const struct lp_ages *ages = ages_of(profile);
    int tally = value % LP_INUSE_OBJECTS; /* in the same unit */

    for (size_t r = 0; rc == 0 && r < profile->nrows; r++) {
        const struct lp_row *row = &profile->rows[r];
        int64_t amount = row->value[value];
        if (amount == 0 && !(window && row->value[tally] != 0))
            continue;
        lp_lines_of(row->stack, lines);
        for (uint32_t i = 0; i < lines->n; i++) {
            struct entry *entry = entry_of(table, lines->at[i].frame);
            if (!entry || !add_ages(entry, ages, row->stack)) {
                rc = -ENOMEM;
                break;
            }
            if (i == 0) {
                entry->flat += amount;
                entry->flat_variance += row->variance[value];
            }
            if (entry->last_row == r + 1)
                continue;
            entry->last_row = r + 1;
            entry->cum += amount;
            entry->cum_variance += row->variance[value];
            if (window) {
                entry->allocated += row->value[tally];
                entry->freed += lp_row_freed(row, tally);
            }
            if (llabs(amount) > entry->biggest) {
                entry->biggest = llabs(amount);
                entry->frame = lines->at[i].frame;
            }
        }
    }
    free(lines);
    return rc;
}

static int by_size(const void *x, const void *y)
{
    const struct entry *a = x, *b = y;

    if (llabs(a->flat) != llabs(b->flat))
        return llabs(a->flat) > llabs(b->flat) ? -1 : 1;
    if (llabs(a->cum) != llabs(b->cum))
        return llabs(a->cum) > llabs(b->cum) ? -1 : 1;
    if (a->allocated != b->allocated)
        return a->allocated > b->allocated ? -1 : 1;
    return strcmp(a->frame->function, b->frame->function);
}

/* printf counts bytes, and "µ" and "±" have two. */
static void column(FILE *out, int width, const char *text)
{
    for (const char *s = text; *s; s++)
        width -= (*s & 0xc0) != 0x80;
    fprintf(out, "%*s%s", width > 0 ? width : 0, "", text);
}

static void write_head(FILE *out, const struct lp_profile *profile,
                       const struct lp_profile_kind *kind, int value)
{
    char time[LP_HUMAN_MAX], amount[2 * LP_HUMAN_MAX], sampling[LP_NOTE_MAX];
    struct lp_notes notes;
    double error;
    int64_t total = lp_profile_total(profile, value, &error);

    fprintf(out, "%s%s, %s, %s\n", kind->name, profile->delta ? ", what changed" : "",
            kind->values[value].type, lp_human_time(time, profile->time_ns));
    fprintf(out, "total %s",
            lp_human_error(amount, total, error, kind->values[value].unit, profile->delta));
    if (profile->duration_ns > 0)
        fprintf(out, " in %s", lp_human(amount, profile->duration_ns, "nanoseconds", false));
    if (error > 0)
        fprintf(out, "; %s, ± is one standard error", lp_sampling_text(sampling, profile, kind));
    fprintf(out, "\n");
    lp_notes_of(&notes, profile);
    for (int i = 0; i < notes.n; i++)
        fprintf(out, "# %s\n", notes.at[i]);
    if (profile->delta)
        fprintf(out, "shares are of growth plus shrinkage\n");
    if (profile->losses > 0)
        fprintf(out, "# losses: %" PRIu64 " events could not be recorded\n", profile->losses);
}

static void write_ages(FILE *out, const struct entry *e)
{
    char text[LP_HUMAN_MAX];
    struct lp_age age;
    bool any = e->ages && lp_age_of(e->ages, &age);

    column(out, 10, any ? lp_human_age(text, age.oldest_ns) : "-");
    column(out, 10, any ? lp_human_age(text, age.median_ns) : "-");
}

static void write_entry(FILE *out, const struct lp_profile *profile, const struct entry *e,
                        double whole, bool errors, const char *unit)
{
    char text[LP_HUMAN_MAX];
    bool sign = profile->delta;

    column(out, 11, lp_human(text, e->flat, unit, sign));
    column(out, 9, lp_human_share(text, (double)e->flat, whole));
    if (errors)
        column(out, 11, lp_human(text, (int64_t)ceil(sqrt(e->flat_variance)), unit, false));
    column(out, 12, lp_human(text, e->cum, unit, sign));
    column(out, 9, lp_human_share(text, (double)e->cum, whole));
    if (errors)
        column(out, 11, lp_human(text, (int64_t)ceil(sqrt(e->cum_variance)), unit, false));
    if (has_window(profile)) {
        column(out, 12, lp_human(text, e->allocated, unit, false));
        column(out, 12, lp_human(text, e->freed, unit, false));
    }
    if (ages_of(profile))
        write_ages(out, e);
    fprintf(out, "  %s", e->frame->shown);
    if (e->frame->file[0])
        fprintf(out, "  %s:%d", e->frame->file, e->frame->line);
    fputc('\n', out);
}

int lp_write_text(FILE *out, const struct lp_profile *profile, const struct lp_view *view)
{
    const struct lp_profile_kind *kind = view->kind;
    int value = view->value;
    struct table table = {.numbers.kind = LP_OWN_REPORTS};
    double error, whole = 0;

    lp_profile_total(profile, value, &error);
    for (size_t i = 0; i < profile->nrows; i++)
        whole += fabs((double)profile->rows[i].value[value]);

    lp_modules_refresh();
    int rc = fill(&table, profile, value);
    if (rc != 0)
        goto out;
    write_head(out, profile, kind, value);
    if (table.n == 0) {
        fprintf(out, "nothing\n");
        goto out;
    }

    qsort(table.entries, table.n, sizeof(*table.entries), by_size);
    fprintf(out, "\n%11s%9s%s%12s%9s%s%s%s  %s\n", "flat", "flat%", error > 0 ? "          ±" : "",
            "cum", "cum%", error > 0 ? "          ±" : "",
            has_window(profile) ? "   allocated       freed" : "",
            ages_of(profile) ? "    oldest    median" : "", "function  file:line");
    for (size_t i = 0; i < table.n && i < LINES_SHOWN; i++)
        write_entry(out, profile, &table.entries[i], whole, error > 0, kind->values[value].unit);
    if (table.n > LINES_SHOWN)
        fprintf(out, "and %zu more functions\n", table.n - LINES_SHOWN);
    lp_write_nameless(out, profile);
out:
    for (size_t i = 0; i < table.n; i++)
        free(table.entries[i].ages);
    free(table.entries);
    lp_table_release(&table.numbers);
    return rc != 0 ? rc : ferror(out) ? -EIO : 0;
}
