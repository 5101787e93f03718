/*
 * format=json: everything a profile holds, all columns.
 *
 * A big profile as one jansson tree would take a hundred times the room of its samples, in the
 * process that is being watched; so the head, each sample and each item are made and written one by
 * one.
 */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "write/cpu.h"
#include "write/write.h"
#include "symbolize/frames.h"
#include "symbolize/clean.h"
#include "symbolize/nameless.h"
#include "write/rates.h"
#include "write/footprint.h"

/* Takes the value over; NULL, from a call that ran out of memory, is an error too. */
static int dump(FILE *out, json_t *value, size_t flags)
{
    int rc = value ? json_dumpf(value, out, JSON_COMPACT | flags) : -1;

    json_decref(value);
    return rc == 0 ? 0 : ferror(out) ? -EIO : -ENOMEM;
}

/* Names of threads and paths may hold anything; JSON must be UTF-8. */
static json_t *text(const char *raw)
{
    char clean[1024];

    snprintf(clean, sizeof(clean), "%s", raw);
    lp_clean(clean);
    return json_string(clean);
}

static json_t *head(const struct lp_profile *profile, const struct lp_profile_kind *kind)
{
    json_t *types = json_array(), *total = json_array();

    for (int v = 0; v < kind->nvalues; v++) {
        double error;
        int64_t sum = lp_profile_total(profile, v, &error);
        json_array_append_new(types, json_pack("{s:s, s:s}", "type", kind->values[v].type, "unit",
                                               kind->values[v].unit));
        json_array_append_new(total,
                              json_pack("{s:I, s:f}", "value", (json_int_t)sum, "error", error));
    }
    json_t *json = json_pack(
        "{s:s, s:s, s:b, s:o, s:I, s:I, s:{s:I, s:s, s:s}, s:I, s:o}", "profile", kind->name,
        "kind", profile->kind->name, "delta", profile->delta, "types", types, "time_ns",
        (json_int_t)profile->time_ns, "duration_ns", (json_int_t)profile->duration_ns, "period",
        "value", (json_int_t)profile->period, "type", kind->period.type ? kind->period.type : "",
        "unit", kind->period.unit ? kind->period.unit : "", "losses", (json_int_t)profile->losses,
        "total", total);
    if (profile->weight.taken)
        json_object_set_new(json, "profiler", lp_footprint_json(&profile->weight));
    if (profile->cpu.taken)
        json_object_set_new(json, "cpu", lp_cpu_json(&profile->cpu));
    if (profile->own[0] > 0) {
        json_t *own = json_array();
        for (int v = 0; v < kind->nvalues; v++)
            json_array_append_new(own, json_integer(profile->own[v]));
        json_object_set_new(json, "own", own);
    }
    if (profile->trim.done)
        json_object_set_new(json, "gc",
                            json_pack("{s:b, s:I, s:I, s:I, s:I}", "trimmed",
                                      profile->trim.returned, "rss_before_bytes",
                                      (json_int_t)profile->trim.rss_before, "rss_after_bytes",
                                      (json_int_t)profile->trim.rss_after, "free_before_bytes",
                                      (json_int_t)profile->trim.free_before, "free_after_bytes",
                                      (json_int_t)profile->trim.free_after));
    if (profile->note)
        json_object_set_new(json, "note", json_string(profile->note));
    if (profile->rates.n > 0) {
        json_object_set_new(json, "rates", lp_rates_json(&profile->rates));
        json_object_set_new(json, "rates_mixed", json_boolean(lp_rates_mixed(&profile->rates)));
        json_object_set_new(json, "rates_dropped", json_integer(profile->rates.dropped));
    }
    return json;
}

static json_t *stack(uint32_t id, struct lp_lines *lines)
{
    json_t *frames = json_array();

    lp_lines_of(id, lines);
    for (uint32_t i = 0; i < lines->n; i++) {
        const struct lp_line *line = &lines->at[i];
        json_t *frame =
            json_pack("{s:s, s:s, s:i, s:b}", "function", line->frame->function, "file",
                      line->frame->file, "line", line->frame->line, "program", line->program);
        char address[24];
        snprintf(address, sizeof(address), "0x%lx", line->address);
        if (line->address)
            json_object_set_new(frame, "address", json_string(address));
        if (line->inlined)
            json_object_set_new(frame, "inlined", json_true());
        json_array_append_new(frames, frame);
    }
    return frames;
}

/* Ten thousand sockets come from a handful of places, and their stacks are most of what is written:
 * each is made once, while it keeps its place here. */
enum { STACK_TEXTS = 64 };
struct stack_texts {
    struct {
        uint32_t id;
        char *text;
    } at[STACK_TEXTS];
};

/* NULL when memory is out. */
static const char *stack_text(struct stack_texts *texts, uint32_t id, struct lp_lines *lines)
{
    size_t i = id % STACK_TEXTS;
    if (!texts->at[i].text || texts->at[i].id != id) {
        json_t *json = stack(id, lines);
        free(texts->at[i].text);
        texts->at[i].id = id;
        texts->at[i].text = json ? json_dumps(json, JSON_COMPACT) : NULL;
        json_decref(json);
    }
    return texts->at[i].text;
}

static void drop_texts(struct stack_texts *texts)
{
    for (int i = 0; i < STACK_TEXTS; i++)
        free(texts->at[i].text);
}

/* What came and went in a delta's window; what survived of it is among the values. */
static json_t *window(const struct lp_row *row)
{
    const int objects = LP_ALLOC_OBJECTS, bytes = LP_ALLOC_BYTES;

    return json_pack(
        "{s:I, s:I, s:I, s:I, s:f, s:f}", "allocated_objects", (json_int_t)row->value[objects],
        "allocated_bytes", (json_int_t)row->value[bytes], "freed_objects",
        (json_int_t)lp_row_freed(row, objects), "freed_bytes", (json_int_t)lp_row_freed(row, bytes),
        "freed_objects_error", sqrt(row->freed_variance[objects]), "freed_bytes_error",
        sqrt(row->freed_variance[bytes]));
}

/* Of all the blocks of this stack, whatever their size. */
static void add_survivors(json_t *json, const struct lp_ages *ages, uint32_t id)
{
    struct lp_age age;

    if (lp_ages_get(ages, id, &age))
        json_object_set_new(json, "survivors",
                            json_pack("{s:I, s:I}", "oldest_ns", (json_int_t)age.oldest_ns,
                                      "median_ns", (json_int_t)age.median_ns));
}

static json_t *sample(const struct lp_profile *profile, const struct lp_row *row,
                      const struct lp_profile_kind *kind, struct lp_lines *lines)
{
    json_t *values = json_array(), *errors = json_array();

    for (int v = 0; v < kind->nvalues; v++) {
        json_array_append_new(values, json_integer(row->value[v]));
        json_array_append_new(errors, json_real(sqrt(row->variance[v])));
    }
    json_t *json = json_pack("{s:o, s:o}", "values", values, "errors", errors);
    if (kind->label_key && (kind->label_unit || row->label_text))
        json_object_set_new(
            json, "label",
            json_pack("{s:o}", kind->label_key,
                      kind->label_unit ? json_integer(row->label_num) : text(row->label_text)));
    if (profile->delta && kind->tallies)
        json_object_set_new(json, "window", window(row));
    add_survivors(json, profile->ages, row->stack);
    json_object_set_new(json, "stack", stack(row->stack, lines));
    return json;
}

static json_t *item(const struct lp_item *from, const struct lp_profile_kind *kind)
{
    json_t *values = json_array();

    for (int v = 0; v < kind->nvalues; v++)
        json_array_append_new(values, json_integer(from->value[v]));
    json_t *json = json_pack("{s:I, s:o, s:o, s:o}", "id", (json_int_t)from->id, "name",
                             text(from->name ? from->name : ""), "state",
                             text(from->state ? from->state : ""), "values", values);

    if (from->age_ns >= 0)
        json_object_set_new(json, "age_ns", json_integer(from->age_ns));
    if (from->state_ns >= 0)
        json_object_set_new(json, "state_ns", json_integer(from->state_ns));
    return json;
}

static int write_stack(FILE *out, const char *key, uint32_t id, struct lp_lines *lines,
                       struct stack_texts *texts)
{
    const char *text = stack_text(texts, id, lines);
    if (!text)
        return -ENOMEM;
    fprintf(out, ",\"%s\":%s", key, text);
    return 0;
}

static int write_item(FILE *out, const struct lp_item *from, const struct lp_profile_kind *kind,
                      struct lp_lines *lines, struct stack_texts *texts)
{
    fputc('{', out);
    int rc = dump(out, item(from, kind), JSON_EMBED);
    if (rc == 0 && from->creator != LP_STACK_NONE)
        rc = write_stack(out, "creator", from->creator, lines, texts);
    if (rc == 0)
        rc = write_stack(out, "stack", from->stack, lines, texts);
    fputc('}', out);
    return rc;
}

/* The objects in its stacks that have no names. */
static json_t *nameless(const struct lp_profile *profile)
{
    struct lp_nameless list[LP_NAMELESS_MAX];
    json_t *array = json_array();

    for (size_t i = 0, n = lp_nameless_of(profile, true, list); i < n; i++)
        json_array_append_new(array, json_pack("{s:o, s:s, s:s, s:b}", "path", text(list[i].path),
                                               "build_id", list[i].build_id, "package",
                                               list[i].package, "too_large", list[i].too_large));
    return array;
}

int lp_write_json(FILE *out, const struct lp_profile *profile, const struct lp_view *view)
{
    struct lp_lines *lines = malloc(sizeof(*lines));
    struct stack_texts texts = {0};
    const struct lp_profile_kind *kind = view->kind;
    int rc;

    if (!lines)
        return -ENOMEM;
    lp_modules_refresh();
    fputc('{', out);
    rc = dump(out, head(profile, kind), JSON_EMBED);
    fputs(",\"samples\":[", out);
    for (size_t i = 0; rc == 0 && i < profile->nrows; i++) {
        fputs(i > 0 ? ",\n" : "\n", out);
        rc = dump(out, sample(profile, &profile->rows[i], kind, lines), 0);
    }
    fputs("]", out);
    if (kind->item && !profile->delta) {
        fputs(",\"items\":[", out);
        for (size_t i = 0; rc == 0 && i < profile->nitems; i++) {
            fputs(i > 0 ? ",\n" : "\n", out);
            rc = write_item(out, &profile->items[i], kind, lines, &texts);
        }
        fputs("]", out);
    }
    fputs(",\"nameless\":", out);
    if (rc == 0)
        rc = dump(out, nameless(profile), 0);
    fputs("}\n", out);
    drop_texts(&texts);
    free(lines);
    return rc != 0 ? rc : ferror(out) ? -EIO : 0;
}
