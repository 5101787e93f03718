/* format=json: everything that a profile holds, in all columns. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "record/allocator.h"
#include "profile/heap.h"
#include "symbolize/frames.h"
#include "symbolize/modules.h"
#include "symbolize/nameless.h"
#include "write/jsonout.h"
#include "write/notes.h"
#include "write/redact.h"
#include "write/write.h"

static void write_trim(struct lp_json *json, const struct lp_trim *trim)
{
    lp_json_object(json, "gc");
    if (!trim->known) {
        lp_json_text(json, "not_known_with", lp_allocator_name());
        lp_json_end(json);
        return;
    }
    lp_json_bool(json, "trimmed", trim->returned);
    lp_json_int(json, "rss_before_bytes", trim->rss_before);
    lp_json_int(json, "rss_after_bytes", trim->rss_after);
    lp_json_int(json, "free_before_bytes", trim->free_before);
    lp_json_int(json, "free_after_bytes", trim->free_after);
    lp_json_end(json);
}

static void write_columns(struct lp_json *json, const struct lp_profile *profile,
                          const struct lp_profile_kind *kind)
{
    lp_json_array(json, "types");
    for (int v = 0; v < kind->nvalues; v++) {
        lp_json_object(json, NULL);
        lp_json_text(json, "type", kind->values[v].type);
        lp_json_text(json, "unit", kind->values[v].unit);
        lp_json_end(json);
    }
    lp_json_end(json);
    lp_json_int(json, "time_ns", profile->time_ns);
    lp_json_int(json, "duration_ns", profile->duration_ns);
    lp_json_object(json, "period");
    lp_json_int(json, "value", profile->period);
    lp_json_text(json, "type", kind->period.type ? kind->period.type : "");
    lp_json_text(json, "unit", kind->period.unit ? kind->period.unit : "");
    lp_json_end(json);
    lp_json_int(json, "losses", profile->losses);
    lp_json_array(json, "total");
    for (int v = 0; v < kind->nvalues; v++) {
        double error;
        lp_json_object(json, NULL);
        lp_json_int(json, "value", lp_profile_total(profile, v, &error));
        lp_json_real(json, "error", error);
        lp_json_end(json);
    }
    lp_json_end(json);
}

static void write_head(struct lp_json *json, const struct lp_profile *profile,
                       const struct lp_profile_kind *kind, const struct lp_trim *trim)
{
    lp_json_text(json, "profile", kind->name);
    lp_json_text(json, "kind", profile->kind->name);
    lp_json_bool(json, "delta", profile->delta);
    write_columns(json, profile, kind);
    lp_notes_json(json, profile);
    if (trim)
        write_trim(json, trim);
}

static void write_stack(struct lp_json *json, const char *key, uint32_t id, struct lp_lines *lines)
{
    lp_json_array(json, key);
    lp_lines_of(id, lines);
    for (uint32_t i = 0; i < lines->n; i++) {
        const struct lp_line *line = &lines->at[i];
        lp_json_object(json, NULL);
        lp_json_text(json, "function", line->frame->function);
        lp_json_text(json, "file", line->frame->file);
        lp_json_int(json, "line", line->frame->line);
        lp_json_bool(json, "program", line->program);
        if (line->address) {
            char address[24];
            snprintf(address, sizeof address, "0x%lx", line->address);
            lp_json_text(json, "address", address);
        }
        if (line->inlined)
            lp_json_bool(json, "inlined", true);
        lp_json_end(json);
    }
    lp_json_end(json);
}

/* What was allocated and freed in a delta's window. What survived is among the values. */
static void write_window(struct lp_json *json, const struct lp_profile *delta,
                         const struct lp_row *row)
{
    const int objects = LP_ALLOC_OBJECTS, bytes = LP_ALLOC_BYTES;

    lp_json_object(json, "window");
    lp_json_int(json, "allocated_objects", row->value[objects]);
    lp_json_int(json, "allocated_bytes", row->value[bytes]);
    lp_json_int(json, "freed_objects", lp_row_freed(row, objects));
    lp_json_int(json, "freed_bytes", lp_row_freed(row, bytes));
    lp_json_real(json, "freed_objects_error", sqrt(lp_row_freed_variance(delta, row, objects)));
    lp_json_real(json, "freed_bytes_error", sqrt(lp_row_freed_variance(delta, row, bytes)));
    lp_json_end(json);
}

/* Only heap has these. Survivors are all live blocks of this stack, of any size. */
static void write_blocks(struct lp_json *json, const struct lp_profile *profile,
                         const struct lp_row *row)
{
    const struct lp_heap *heap = lp_heap_of(profile);
    struct lp_age age;

    if (heap && profile->delta)
        write_window(json, profile, row);
    if (!heap || !lp_ages_get(heap->ages, row->stack, &age))
        return;
    lp_json_object(json, "survivors");
    lp_json_int(json, "oldest_ns", age.oldest_ns);
    lp_json_int(json, "median_ns", age.median_ns);
    lp_json_end(json);
}

static void write_label(struct lp_json *json, const struct lp_row *row,
                        const struct lp_profile_kind *kind)
{
    lp_json_object(json, "label");
    if (kind->label_unit)
        lp_json_int(json, kind->label_key, row->label_num);
    else
        lp_json_text(json, kind->label_key, row->label_text);
    lp_json_end(json);
}

static void write_sample(struct lp_json *json, const struct lp_profile *profile,
                         const struct lp_row *row, const struct lp_profile_kind *kind,
                         struct lp_lines *lines)
{
    lp_json_line(json);
    lp_json_object(json, NULL);
    lp_json_array(json, "values");
    for (int v = 0; v < kind->nvalues; v++)
        lp_json_int(json, NULL, row->value[v]);
    lp_json_end(json);
    lp_json_array(json, "errors");
    for (int v = 0; v < kind->nvalues; v++)
        lp_json_real(json, NULL, sqrt(row->variance[v]));
    lp_json_end(json);
    if (kind->label_key && (kind->label_unit || row->label_text))
        write_label(json, row, kind);
    write_blocks(json, profile, row);
    write_stack(json, "stack", row->stack, lines);
    lp_json_end(json);
}

static void write_item(struct lp_json *json, const struct lp_item *item, const struct lp_view *view,
                       struct lp_lines *lines)
{
    const struct lp_profile_kind *kind = view->kind;
    char state[LP_REDACTED_MAX];
    lp_json_line(json);
    lp_json_object(json, NULL);
    lp_json_int(json, "id", item->id);
    lp_json_text(json, "name", item->name ? item->name : "");
    lp_json_text(json, "state", lp_state_of(item, view->redact, state));
    lp_json_array(json, "values");
    for (int v = 0; v < kind->nvalues; v++)
        lp_json_int(json, NULL, item->value[v]);
    lp_json_end(json);
    if (item->age_ns >= 0)
        lp_json_int(json, "age_ns", item->age_ns);
    if (item->state_ns >= 0)
        lp_json_int(json, "state_ns", item->state_ns);
    if (item->holder)
        lp_json_int(json, "waits_for", item->holder);
    if (item->deadlock)
        lp_json_text(json, "deadlock", item->deadlock == LP_DEADLOCK_MEMBER ? "member" : "behind");
    if (item->creator != LP_STACK_NONE)
        write_stack(json, "creator", item->creator, lines);
    write_stack(json, "stack", item->stack, lines);
    lp_json_end(json);
}

/* The objects in its stacks that have no names. */
static void write_nameless(struct lp_json *json, const struct lp_profile *profile)
{
    struct lp_nameless list[LP_NAMELESS_MAX];

    lp_json_array(json, "nameless");
    for (size_t i = 0, n = lp_nameless_of(profile, true, list); i < n; i++) {
        lp_json_object(json, NULL);
        lp_json_text(json, "path", list[i].path);
        lp_json_text(json, "build_id", list[i].build_id);
        lp_json_text(json, "package", list[i].package);
        lp_json_bool(json, "too_large", list[i].too_large);
        lp_json_end(json);
    }
    lp_json_end(json);
}

int lp_write_json(FILE *out, const struct lp_profile *profile, const struct lp_view *view)
{
    struct lp_json json = {.out = out};
    struct lp_lines *lines = malloc(sizeof *lines);
    const struct lp_profile_kind *kind = view->kind;

    if (!lines)
        return -ENOMEM;
    lp_modules_refresh();
    lp_json_object(&json, NULL);
    write_head(&json, profile, kind, view->trim);
    lp_json_array(&json, "samples");
    for (size_t i = 0; i < profile->nrows; i++)
        write_sample(&json, profile, &profile->rows[i], kind, lines);
    lp_json_end(&json);
    if (kind->item && !profile->delta) {
        lp_json_array(&json, "items");
        for (size_t i = 0; i < profile->nitems; i++)
            write_item(&json, &profile->items[i], view, lines);
        lp_json_end(&json);
    }
    write_nameless(&json, profile);
    lp_json_end(&json);
    fputc('\n', out);
    free(lines);
    return lp_json_finish(&json);
}
