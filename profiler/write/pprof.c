/*
 * profile.proto, gzip-compressed: what `go tool pprof` and similar tools read.
 *
 * The message is built as protobuf-c expects it: an array of pointers for each table, all in one
 * arena. Addresses, functions and strings occur many thousand times and are written once. The
 * packed message is written to zlib piece by piece.
 *
 * Every mapping claims to be fully symbolized, even if only dynamic symbols were found. Otherwise
 * pprof would look for the binaries on the reader's machine.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "profile/heap.h"
#include "write/arena.h"
#include "write/write.h"
#include "symbolize/frames.h"
#include "symbolize/nameless.h"
#include "write/gzip.h"
#include "write/human.h"
#include "write/notes.h"
#include "sys/array.h"
#include "sys/table.h"
#include "profile.pb-c.h"

typedef Perftools__Profiles__Profile Profile;
typedef Perftools__Profiles__ValueType ValueType;
typedef Perftools__Profiles__Sample Sample;
typedef Perftools__Profiles__Label Label;
typedef Perftools__Profiles__Mapping Mapping;
typedef Perftools__Profiles__Location Location;
typedef Perftools__Profiles__Line Line;
typedef Perftools__Profiles__Function Function;

/* Arrays of pointers, as protobuf-c requires. */
struct list {
    void **at;
    size_t n, capacity;
};

enum { SPECIALS = LP_STACK_FIRST + 1 + LP_FRAME_DEEPER };

struct builder {
    struct lp_arena arena;
    struct list strings, mappings, locations, functions;
    struct lp_table by_place, by_function, by_string;
    uint64_t special[SPECIALS]; /* location ids, 0: not met yet */
    struct place {
        const struct lp_module *module;
        uint32_t segment;
    } * places; /* of each mapping */
    size_t places_capacity;
    bool failed; /* memory is out; what was returned is not to be used */
};

static void *take(struct builder *b, size_t size)
{
    void *memory = lp_arena_take(&b->arena, size);
    if (!memory)
        b->failed = true;
    return memory;
}

static bool append(struct builder *b, struct list *list, void *item)
{
    if (!lp_array_reserve(&list->at, &list->capacity, list->n + 1, sizeof *list->at)) {
        b->failed = true;
        return false;
    }
    list->at[list->n++] = item;
    return item != NULL;
}

/* Where the id of this number is, or is to be filled in. */
static struct lp_table_slot *slot_of(struct builder *b, struct lp_table *ids, uint64_t hash,
                                     lp_table_is *is, const void *key)
{
    struct lp_table_slot *slot = lp_table_slot(ids, hash, is, key);
    if (!slot)
        b->failed = true;
    return slot;
}

struct wanted {
    const struct builder *b;
    const char *text;
};

static bool is_string(uint64_t id, const void *key)
{
    const struct wanted *wanted = key;
    return strcmp(wanted->b->strings.at[id], wanted->text) == 0;
}

/* Texts must outlive the packing. */
static int64_t string(struct builder *b, const char *text)
{
    if (!text || !text[0])
        return 0;

    struct lp_table_slot *slot = slot_of(b, &b->by_string, lp_table_hash_text(text, 0), is_string,
                                         &(struct wanted){b, text});
    if (!slot || slot->value)
        return slot ? (int64_t)slot->value : 0;
    if (!append(b, &b->strings, (void *)(uintptr_t)text))
        return 0;
    lp_table_fill(&b->by_string, slot, b->strings.n - 1);
    return (int64_t)slot->value;
}

static bool add_place(struct builder *b, struct place place)
{
    if (!lp_array_reserve(&b->places, &b->places_capacity, b->mappings.n + 1, sizeof *b->places)) {
        b->failed = true;
        return false;
    }
    b->places[b->mappings.n] = place;
    return true;
}

/* Each executable segment of an object is a mapping. */
static uint64_t mapping(struct builder *b, const struct lp_module *module, uint32_t segment)
{
    for (size_t i = 0; i < b->mappings.n; i++)
        if (b->places[i].module == module && b->places[i].segment == segment)
            return i + 1;

    Mapping *m = take(b, sizeof(*m));
    if (!m || !add_place(b, (struct place){module, segment}) || !append(b, &b->mappings, m))
        return 0;
    perftools__profiles__mapping__init(m);
    m->id = b->mappings.n;
    if (segment < module->image->nsegments) {
        const struct lp_segment *mapped = &module->image->segments[segment];
        m->memory_start = mapped->start;
        m->memory_limit = mapped->limit;
        m->file_offset = mapped->offset;
    }
    m->filename = string(b, module->path);
    m->build_id = string(b, module->image->build_id);
    m->has_functions = m->has_filenames = m->has_line_numbers = m->has_inline_frames = true;
    return m->id;
}

static uint64_t function(struct builder *b, const struct lp_frame *frame)
{
    int64_t linkage = string(b, frame->linkage), file = string(b, frame->file);
    uint64_t key = (uint64_t)linkage << 40 | (uint64_t)file << 20 | (uint64_t)frame->start_line;
    struct lp_table_slot *slot = slot_of(b, &b->by_function, lp_table_mix(key), NULL, NULL);
    if (!slot || slot->value)
        return slot ? slot->value : 0;

    Function *f = take(b, sizeof(*f));
    if (!f || !append(b, &b->functions, f))
        return 0;
    perftools__profiles__function__init(f);
    f->id = b->functions.n;
    lp_table_fill(&b->by_function, slot, f->id);
    f->name = string(b, frame->function);
    f->system_name = linkage;
    f->filename = file;
    f->start_line = frame->start_line;
    return f->id;
}

static Location *new_location(struct builder *b, const struct lp_frame *frames, uint32_t nframes)
{
    Location *l = take(b, sizeof(*l));
    Line *lines = take(b, nframes * sizeof(*lines));
    Line **list = take(b, nframes * sizeof(*list));

    if (!l || !lines || !list || !append(b, &b->locations, l))
        return NULL;
    perftools__profiles__location__init(l);
    l->id = b->locations.n;
    l->n_line = nframes;
    l->line = list;
    for (uint32_t i = 0; i < nframes; i++) {
        perftools__profiles__line__init(&lines[i]);
        lines[i].function_id = function(b, &frames[i]);
        lines[i].line = frames[i].line;
        list[i] = &lines[i];
    }
    return l;
}

/* An address in an object is one location with one symbol. An address in no object is another
 * location. Addresses of user space do not have the top bit. */
static uint64_t location(struct builder *b, uint32_t stack, uintptr_t address)
{
    const struct lp_symbol *symbol = lp_symbolize_in(stack, address);
    uint64_t key = symbol->module ? (uint64_t)(uintptr_t)symbol | 1ull << 63 : address;
    struct lp_table_slot *slot = slot_of(b, &b->by_place, lp_table_mix(key), NULL, NULL);
    if (!slot || slot->value)
        return slot ? slot->value : 0;

    Location *l = new_location(b, symbol->frames, symbol->nframes);
    if (!l)
        return 0;
    l->address = address;
    if (symbol->module)
        l->mapping_id = mapping(b, symbol->module, lp_module_segment(symbol->module, address));
    lp_table_fill(&b->by_place, slot, l->id);
    return l->id;
}

/* The location of a special stack, or of a mark at the end of a stack that is not whole. */
static uint64_t special_location(struct builder *b, uint32_t slot, const struct lp_frame *frame)
{
    if (!b->special[slot]) {
        Location *l = new_location(b, frame, 1);
        b->special[slot] = l ? l->id : 0;
    }
    return b->special[slot];
}

static uint64_t any_location(struct builder *b, uint32_t stack, uintptr_t address)
{
    const struct lp_frame *mark = lp_mark_at(address);
    return mark ? special_location(b, LP_STACK_FIRST + (uint32_t)address, mark)
                : location(b, stack, address);
}

static void add_label(struct builder *b, Sample *sample, const struct lp_row *row,
                      const struct lp_profile_kind *kind)
{
    if (!kind->label_key || (kind->label_unit ? row->label_num == 0 : !row->label_text))
        return;

    Label *label = take(b, sizeof(*label)), **list = take(b, sizeof(*list));
    if (!label || !list)
        return;
    perftools__profiles__label__init(label);
    label->key = string(b, kind->label_key);
    if (kind->label_unit) {
        label->num = row->label_num;
        label->num_unit = string(b, kind->label_unit);
    } else {
        label->str = string(b, row->label_text);
    }
    list[0] = label;
    sample->label = list;
    sample->n_label = 1;
}

static Sample *new_sample(struct builder *b, const struct lp_row *row,
                          const struct lp_profile_kind *kind)
{
    const struct lp_frame *special = lp_special_frame(row->stack);
    struct lp_stack stack = special ? (struct lp_stack){.nframes = 1} : lp_stack_get(row->stack);
    Sample *sample = take(b, sizeof(*sample));
    uint64_t *ids = take(b, stack.nframes * sizeof(*ids));

    if (!sample || !ids)
        return NULL;
    perftools__profiles__sample__init(sample);
    for (uint32_t i = 0; i < stack.nframes; i++)
        ids[i] =
            special ? special_location(b, row->stack < LP_STACK_FIRST ? row->stack : LP_STACK_FIRST,
                                       special)
                    : any_location(b, row->stack, stack.frames[i]);
    sample->n_location_id = stack.nframes;
    sample->location_id = ids;
    sample->n_value = (size_t)kind->nvalues;
    sample->value = (int64_t *)(uintptr_t)row->value; /* only read */
    add_label(b, sample, row, kind);
    return sample;
}

static ValueType *value_type(struct builder *b, const struct lp_value_type *type)
{
    ValueType *v = take(b, sizeof(*v));

    if (v) {
        perftools__profiles__value_type__init(v);
        v->type = string(b, type->type);
        v->unit = string(b, type->unit);
    }
    return v;
}

static void comment(struct builder *b, Profile *p, const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = take(b, bytes);

    if (copy && p->comment)
        p->comment[p->n_comment++] = string(b, memcpy(copy, text, bytes));
}

static void add_comments(struct builder *b, Profile *p, const struct lp_profile *profile,
                         const struct lp_profile_kind *kind)
{
    char text[256], total[2 * LP_HUMAN_MAX], period[LP_HUMAN_MAX];
    struct lp_notes notes;
    bool mixed = lp_heap_rates_mixed(profile);

    p->comment =
        take(b, (LP_VALUES_MAX + LP_NOTES_MAX + 1 + LP_NAMELESS_MAX) * sizeof(*p->comment));
    lp_notes_of(&notes, profile);
    for (int i = 0; i < notes.n; i++)
        comment(b, p, notes.at[i]);
    if (profile->losses > 0) {
        snprintf(text, sizeof(text), "%llu events could not be recorded",
                 (unsigned long long)profile->losses);
        comment(b, p, text);
    }
    for (int v = 0; v < kind->nvalues; v++) {
        double error;
        int64_t sum = lp_profile_total(profile, v, &error);
        if (error <= 0)
            continue;
        lp_human_error(total, sum, error, kind->values[v].unit, profile->delta);
        lp_human(period, profile->period, kind->period.unit, false);
        bool noted = !mixed && profile->note; /* the note explains how it was sampled */
        snprintf(text, sizeof(text), "%s: %s (estimate and its standard error%s%s)",
                 kind->values[v].type, total,
                 mixed   ? "; samples at mixed rates"
                 : noted ? ""
                         : "; one sample in ",
                 mixed || noted ? "" : period);
        comment(b, p, text);
    }
}

static void add_nameless(struct builder *b, Profile *p, const struct lp_profile *profile)
{
    struct lp_nameless list[LP_NAMELESS_MAX];
    char line[LP_NAMELESS_LINE];

    for (size_t i = 0, n = lp_nameless_of(profile, false, list); i < n; i++)
        comment(b, p, lp_nameless_text(line, &list[i]));
}

static int build(struct builder *b, Profile *p, const struct lp_profile *profile,
                 const struct lp_profile_kind *kind)
{
    lp_modules_refresh();
    append(b, &b->strings, "");
    p->sample_type = take(b, LP_VALUES_MAX * sizeof(*p->sample_type));
    p->sample = take(b, (profile->nrows + 1) * sizeof(*p->sample));
    if (b->failed)
        return -ENOMEM;

    if (lp_modules_count() > 0)
        mapping(b, lp_module_at(0), 0);
    for (int v = 0; v < kind->nvalues; v++)
        p->sample_type[p->n_sample_type++] = value_type(b, &kind->values[v]);
    if (kind->period.type)
        p->period_type = value_type(b, &kind->period);
    if (kind->default_value >= 0)
        p->default_sample_type = string(b, kind->values[kind->default_value].type);
    p->period = profile->period;
    p->time_nanos = profile->time_ns;
    p->duration_nanos = profile->duration_ns;
    for (size_t i = 0; i < profile->nrows && !b->failed; i++)
        p->sample[p->n_sample++] = new_sample(b, &profile->rows[i], kind);
    add_comments(b, p, profile, kind);
    add_nameless(b, p, profile);

    p->n_mapping = b->mappings.n;
    p->mapping = (Mapping **)b->mappings.at;
    p->n_location = b->locations.n;
    p->location = (Location **)b->locations.at;
    p->n_function = b->functions.n;
    p->function = (Function **)b->functions.at;
    p->n_string_table = b->strings.n;
    p->string_table = (char **)b->strings.at;
    return b->failed ? -ENOMEM : 0;
}

static void release(struct builder *b)
{
    lp_arena_release(&b->arena);
    free(b->places);
    struct list *const lists[] = {&b->strings, &b->mappings, &b->locations, &b->functions};
    for (int i = 0; i < 4; i++)
        free(lists[i]->at);
    lp_table_release(&b->by_place);
    lp_table_release(&b->by_function);
    lp_table_release(&b->by_string);
}

struct packer {
    ProtobufCBuffer base;
    struct lp_gzip *gzip;
};

static void pack_bytes(ProtobufCBuffer *buffer, size_t n, const uint8_t *bytes)
{
    lp_gzip_write(((struct packer *)buffer)->gzip, bytes, n);
}

static int pack(FILE *out, const Profile *p)
{
    struct packer packer = {{pack_bytes}, lp_gzip_new(out)};
    if (!packer.gzip)
        return -ENOMEM;
    protobuf_c_message_pack_to_buffer(&p->base, &packer.base);
    return lp_gzip_finish(packer.gzip);
}

int lp_write_pprof(FILE *out, const struct lp_profile *profile, const struct lp_view *view)
{
    const struct lp_table ids = {.kind = LP_OWN_REPORTS};
    struct builder b = {.by_place = ids, .by_function = ids, .by_string = ids};
    Profile p = PERFTOOLS__PROFILES__PROFILE__INIT;

    int rc = build(&b, &p, profile, view->kind);
    if (rc == 0)
        rc = pack(out, &p);
    release(&b);
    return rc;
}
