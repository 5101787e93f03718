/* The wire format of protocol buffers: fields one after the other. Each is a number or bytes. */
#ifndef TESTS_FUZZ_WIRE_H
#define TESTS_FUZZ_WIRE_H

#include "fuzz.h"

struct wire {
    const uint8_t *at, *end;
};

struct wire_field {
    uint32_t number;
    bool is_bytes;
    uint64_t value;
    struct wire bytes;
};

static inline uint64_t wire_varint(struct wire *in)
{
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
        CHECK(in->at < in->end && shift < 70);
        value |= shift < 64 ? (uint64_t)(*in->at & 0x7f) << shift : 0;
        if (!(*in->at++ & 0x80))
            return value;
    }
}

/* false: there are no more fields. */
static inline bool wire_next(struct wire *in, struct wire_field *field)
{
    if (in->at == in->end)
        return false;
    uint64_t key = wire_varint(in);
    *field = (struct wire_field){.number = (uint32_t)(key >> 3), .is_bytes = (key & 7) == 2};
    CHECK(field->number > 0 && ((key & 7) == 0 || (key & 7) == 2));
    uint64_t value = wire_varint(in);
    if (!field->is_bytes) {
        field->value = value;
        return true;
    }
    CHECK(value <= (uint64_t)(in->end - in->at));
    field->bytes = (struct wire){in->at, in->at + value};
    in->at += value;
    return true;
}

/* The next number of a repeated field, which may be packed. */
static inline bool wire_packed(struct wire_field *field, uint64_t *number)
{
    if (field->is_bytes) {
        if (field->bytes.at == field->bytes.end)
            return false;
        *number = wire_varint(&field->bytes);
        return true;
    }
    *number = field->value;
    field->is_bytes = true; /* and there are no bytes: it was the only one */
    field->bytes = (struct wire){NULL, NULL};
    return true;
}

#endif
