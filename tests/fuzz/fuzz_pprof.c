/*
 * Profiles written as pprof. A reader of its own (wire.h) decodes the message and compares it with
 * the profile: values, addresses and labels of each row, and every id and string that is referred
 * to.
 */
#include "fuzz.h"

#include <zlib.h>

#include "profile.h"
#include "wire.h"

enum { RAW_MAX = 4 << 20, TABLE_MAX = 1 << 16 };

static uint8_t raw[RAW_MAX];

static struct wire unpack(const char *gzip, size_t size)
{
    z_stream z = {
        .next_in = (Bytef *)gzip, .avail_in = (uInt)size, .next_out = raw, .avail_out = RAW_MAX};
    CHECK(inflateInit2(&z, 15 + 16) == Z_OK);
    CHECK(inflate(&z, Z_FINISH) == Z_STREAM_END && z.avail_in == 0);
    struct wire all = {raw, raw + z.total_out};
    inflateEnd(&z);
    return all;
}

/* The numbers of the fields of profile.proto. */
enum {
    SAMPLE_TYPE = 1,
    SAMPLE,
    MAPPING,
    LOCATION,
    FUNCTION,
    STRING,
    TIME = 9,
    DURATION,
    PERIOD = 12
};

static struct wire strings[TABLE_MAX];
static uint64_t addresses[TABLE_MAX]; /* of each location */
static size_t nstrings, nlocations, nmappings, nfunctions, nsamples, ntypes;

static void check_string(uint64_t i)
{
    CHECK(i < nstrings);
}

static bool is_string(uint64_t i, const char *text)
{
    check_string(i);
    size_t n = (size_t)(strings[i].end - strings[i].at);
    return n == strlen(text) && memcmp(strings[i].at, text, n) == 0;
}

static void read_tables(struct wire all)
{
    struct wire_field field, inner;
    nstrings = nlocations = nmappings = nfunctions = nsamples = ntypes = 0;
    for (struct wire in = all; wire_next(&in, &field);) {
        struct wire body = field.bytes;
        uint64_t id = 0, address = 0;
        while ((field.number == MAPPING || field.number == LOCATION || field.number == FUNCTION) &&
               wire_next(&body, &inner)) {
            id = inner.number == 1 ? inner.value : id;
            address = inner.number == 3 ? inner.value : address;
        }
        switch (field.number) {
        case STRING:
            CHECK(nstrings < TABLE_MAX);
            strings[nstrings++] = field.bytes;
            break;
        case LOCATION:
            CHECK(nlocations < TABLE_MAX && id == nlocations + 1);
            addresses[nlocations++] = address;
            break;
        case MAPPING:
            CHECK(id == ++nmappings);
            break;
        case FUNCTION:
            CHECK(id == ++nfunctions);
            break;
        case SAMPLE:
            nsamples++;
            break;
        case SAMPLE_TYPE:
            ntypes++;
            break;
        }
    }
    CHECK(nstrings > 0 && is_string(0, ""));
}

static void check_function(struct wire body)
{
    for (struct wire_field field; wire_next(&body, &field);)
        if (field.number >= 2 && field.number <= 4)
            check_string(field.value);
}

static void check_location(struct wire body)
{
    size_t lines = 0;
    for (struct wire_field field, inner; wire_next(&body, &field);) {
        CHECK(field.number != 2 || field.value <= nmappings);
        if (field.number != 4)
            continue;
        lines++;
        while (wire_next(&field.bytes, &inner))
            CHECK(inner.number != 1 || (inner.value >= 1 && inner.value <= nfunctions));
    }
    CHECK(lines > 0);
}

static void check_label(struct wire body, const struct lp_row *row,
                        const struct lp_profile_kind *kind)
{
    for (struct wire_field field; wire_next(&body, &field);) {
        if (field.number == 1)
            CHECK(is_string(field.value, kind->label_key));
        if (field.number == 2)
            CHECK(!kind->label_unit && is_string(field.value, row->label_text));
        if (field.number == 3)
            CHECK((int64_t)field.value == row->label_num);
        if (field.number == 4)
            CHECK(is_string(field.value, kind->label_unit));
    }
}

/* The addresses of a stack, or one location without an address for a special one. */
static void check_frame(const struct lp_stack *stack, size_t i, uint64_t location)
{
    CHECK(location >= 1 && location <= nlocations);
    if (stack->nframes == 0) {
        CHECK(i == 0 && addresses[location - 1] == 0);
        return;
    }
    CHECK(i < stack->nframes);
    uintptr_t frame = stack->frames[i];
    if (frame == LP_FRAME_CUT || frame == LP_FRAME_DEEPER)
        CHECK(addresses[location - 1] == 0);
    else /* two addresses of one line are one location */
        CHECK(addresses[location - 1] != 0);
}

static void check_sample(struct wire body, const struct lp_row *row,
                         const struct lp_profile_kind *kind)
{
    struct lp_stack stack = lp_stack_get(row->stack);
    size_t frames = 0, values = 0;
    for (struct wire_field field; wire_next(&body, &field);) {
        uint64_t number;
        if (field.number == 1)
            while (wire_packed(&field, &number))
                check_frame(&stack, frames++, number);
        if (field.number == 2)
            while (wire_packed(&field, &number)) {
                CHECK(values < (size_t)kind->nvalues);
                CHECK((int64_t)number == row->value[values++]);
            }
        if (field.number == 3)
            check_label(field.bytes, row, kind);
    }
    CHECK(values == (size_t)kind->nvalues);
    CHECK(frames == (stack.nframes ? stack.nframes : 1));
}

static void check_all(struct wire all, const struct lp_profile *profile)
{
    const struct lp_profile_kind *kind = profile->kind;
    size_t row = 0, type = 0;
    int64_t time = 0, duration = 0, period = 0;
    read_tables(all);
    CHECK(nsamples == profile->nrows && ntypes == (size_t)kind->nvalues);
    for (struct wire_field field, inner; wire_next(&all, &field);) {
        if (field.number == SAMPLE)
            check_sample(field.bytes, &profile->rows[row++], kind);
        else if (field.number == LOCATION)
            check_location(field.bytes);
        else if (field.number == FUNCTION)
            check_function(field.bytes);
        else if (field.number == SAMPLE_TYPE)
            for (type++; wire_next(&field.bytes, &inner);)
                CHECK(is_string(inner.value, inner.number == 1 ? kind->values[type - 1].type
                                                               : kind->values[type - 1].unit));
        else if (field.number == TIME)
            time = (int64_t)field.value;
        else if (field.number == DURATION)
            duration = (int64_t)field.value;
        else if (field.number == PERIOD)
            period = (int64_t)field.value;
    }
    CHECK(time == profile->time_ns && duration == profile->duration_ns &&
          period == profile->period);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz in = {data, size};
    struct lp_profile *profile = profile_make(&in);
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    CHECK(out);
    CHECK(lp_write_pprof(out, profile, &(struct lp_view){.kind = profile->kind}) == 0);
    CHECK(fclose(out) == 0);
    check_all(unpack(text, n), profile);
    free(text);
    lp_profile_free(profile);
    return 0;
}
