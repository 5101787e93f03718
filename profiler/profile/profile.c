#include "profile/profile.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sys/array.h"

enum { TEXT_BLOCK = 4096 };

/* Strings are packed into blocks that never move. */
struct lp_text_block {
    struct lp_text_block *next;
    size_t used, capacity;
    char text[];
};

struct lp_profile *lp_profile_new(const struct lp_profile_kind *kind)
{
    struct lp_profile *profile = calloc(1, sizeof *profile + (kind->extra ? kind->extra->size : 0));
    if (profile)
        profile->kind = kind;
    return profile;
}

void lp_profile_free(struct lp_profile *profile)
{
    if (!profile)
        return;
    for (struct lp_text_block *block = profile->texts, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    if (profile->kind->extra && profile->kind->extra->release)
        profile->kind->extra->release(profile);
    free(profile->rows);
    free(profile->items);
    free(profile);
}

int64_t lp_profile_bytes(const struct lp_profile *profile)
{
    int64_t bytes = sizeof *profile + profile->rows_capacity * sizeof *profile->rows +
                    profile->items_capacity * sizeof *profile->items;
    const struct lp_profile_extra *extra = profile->kind->extra;
    if (extra)
        bytes += (int64_t)extra->size + (extra->bytes ? extra->bytes(profile) : 0);
    for (const struct lp_text_block *block = profile->texts; block; block = block->next)
        bytes += (int64_t)(sizeof *block + block->capacity);
    return bytes;
}

const char *lp_profile_text(struct lp_profile *profile, const char *text)
{
    size_t need = strlen(text) + 1;
    struct lp_text_block *block = profile->texts;
    if (!block || block->capacity - block->used < need) {
        size_t capacity = need > TEXT_BLOCK ? need : TEXT_BLOCK;
        if (!(block = malloc(sizeof *block + capacity)))
            return NULL;
        *block = (struct lp_text_block){.next = profile->texts, .capacity = capacity};
        profile->texts = block;
    }
    char *copy = memcpy(block->text + block->used, text, need);
    block->used += need;
    return copy;
}

void *lp_profile_append(void *array, size_t *count, size_t *capacity, size_t size)
{
    if (!lp_array_reserve(array, capacity, *count + 1, size))
        return NULL;
    return memset((char *)*(lp_array_base *)array + size * (*count)++, 0, size);
}

struct lp_row *lp_profile_row(struct lp_profile *profile)
{
    return lp_profile_append(&profile->rows, &profile->nrows, &profile->rows_capacity,
                             sizeof *profile->rows);
}

struct lp_item *lp_profile_item(struct lp_profile *profile)
{
    return lp_profile_append(&profile->items, &profile->nitems, &profile->items_capacity,
                             sizeof *profile->items);
}

int lp_row_order(const struct lp_row *a, const struct lp_row *b)
{
    if (a->stack != b->stack)
        return a->stack < b->stack ? -1 : 1;
    if (a->label_num != b->label_num)
        return a->label_num < b->label_num ? -1 : 1;
    if (a->label_text == b->label_text)
        return 0;
    if (!a->label_text || !b->label_text)
        return a->label_text ? 1 : -1;
    return strcmp(a->label_text, b->label_text);
}

static int compare_void(const void *a, const void *b)
{
    return lp_row_order(a, b);
}

static void add(struct lp_row *to, const struct lp_row *from)
{
    for (int i = 0; i < LP_VALUES_MAX; i++) {
        to->value[i] += from->value[i];
        to->variance[i] += from->variance[i];
    }
}

void lp_profile_seal(struct lp_profile *profile)
{
    struct lp_row *rows = profile->rows;
    size_t kept = 0;
    if (profile->nrows == 0)
        return;
    qsort(rows, profile->nrows, sizeof *rows, compare_void);
    for (size_t i = 1; i < profile->nrows; i++) {
        if (lp_row_order(&rows[kept], &rows[i]) == 0)
            add(&rows[kept], &rows[i]);
        else
            rows[++kept] = rows[i];
    }
    profile->nrows = kept + 1;
}

static bool all_zero(const struct lp_row *row)
{
    for (int i = 0; i < LP_VALUES_MAX; i++)
        if (row->value[i] != 0)
            return false;
    return true;
}

/* Appends the row, unless all its values are zero. -ENOMEM: no memory. */
static int put(struct lp_profile *out, const struct lp_row *row)
{
    if (all_zero(row))
        return 0;
    struct lp_row *copy = lp_profile_row(out);
    if (!copy)
        return -ENOMEM;
    *copy = *row;
    if (row->label_text && !(copy->label_text = lp_profile_text(out, row->label_text)))
        return -ENOMEM;
    return 0;
}

/* A row without values, for a row that one of the two profiles lacks. */
static const struct lp_row none;

static int diff_row(struct lp_profile *out, const struct lp_row *from, const struct lp_row *to)
{
    const struct lp_profile_extra *extra = out->kind->extra;
    struct lp_row row = to == &none ? *from : *to;
    for (int i = 0; i < LP_VALUES_MAX; i++) {
        row.value[i] = to->value[i] - from->value[i];
        row.variance[i] = to->variance[i] + from->variance[i];
    }
    int error = to != &none && extra && extra->diff_row ? extra->diff_row(out, &row, from, to) : 0;
    return error ? error : put(out, &row);
}

struct lp_profile *lp_profile_diff(const struct lp_profile *from, const struct lp_profile *to)
{
    struct lp_profile *out = lp_profile_new(to->kind);
    if (!out)
        return NULL;
    out->time_ns = to->time_ns;
    out->duration_ns = to->time_ns - from->time_ns;
    out->period = to->period;
    out->delta = true;
    out->losses = to->losses - from->losses;
    if (to->kind->extra && to->kind->extra->begin_diff)
        to->kind->extra->begin_diff(out, to);

    size_t i = 0, j = 0;
    const char *note = from->missing ? from->note : to->note;
    int error = note && !(out->note = lp_profile_text(out, note)) ? -ENOMEM : 0;
    out->missing = from->missing || to->missing;
    while (!error && !out->missing && (i < from->nrows || j < to->nrows)) {
        int order = i == from->nrows ? 1
                    : j == to->nrows ? -1
                                     : lp_row_order(&from->rows[i], &to->rows[j]);
        error = diff_row(out, order <= 0 ? &from->rows[i++] : &none,
                         order >= 0 ? &to->rows[j++] : &none);
    }
    if (!error)
        return out;
    lp_profile_free(out);
    return NULL;
}

void lp_profile_keep_growth(struct lp_profile *profile, int value)
{
    size_t kept = 0;
    for (size_t i = 0; i < profile->nrows; i++)
        if (profile->rows[i].value[value] > 0)
            profile->rows[kept++] = profile->rows[i];
    profile->nrows = kept;
}

int64_t lp_profile_total(const struct lp_profile *profile, int value, double *error)
{
    int64_t total = 0;
    double variance = 0;
    for (size_t i = 0; i < profile->nrows; i++) {
        total += profile->rows[i].value[value];
        variance += profile->rows[i].variance[value];
    }
    if (error)
        *error = sqrt(variance);
    return total;
}
