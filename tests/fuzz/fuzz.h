/*
 * What every fuzz target includes. A target is one function that libFuzzer calls with bytes. A
 * sanitizer or CHECK() ends the process if something is wrong.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);              \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* The bytes that were not used yet. */
struct fuzz {
    const uint8_t *at;
    size_t n;
};

/* The next number of this many bytes. Bytes behind the end are 0. */
static inline uint64_t fuzz_number(struct fuzz *in, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++) {
        uint64_t byte = i < in->n ? in->at[i] : 0;
        value |= byte << 8 * i;
    }
    bytes = bytes < in->n ? bytes : in->n;
    in->at += bytes;
    in->n -= bytes;
    return value;
}

/* A string of the next n bytes at most. It ends at the first NUL. It is as large as its text, so
 * that AddressSanitizer sees a read behind it. Free it. */
static inline char *fuzz_text(struct fuzz *in, size_t n)
{
    n = n < in->n ? n : in->n;
    char *text = n ? strndup((const char *)in->at, n) : strdup("");
    CHECK(text);
    in->at += n;
    in->n -= n;
    return text;
}

static inline char *fuzz_rest(struct fuzz *in)
{
    return fuzz_text(in, in->n);
}

/* The next part that ends with this character, or at the end. NULL: there is none. Free it. */
static inline char *fuzz_part(struct fuzz *in, char end)
{
    const uint8_t *mark = in->n ? memchr(in->at, end, in->n) : NULL;
    if (in->n == 0)
        return NULL;
    char *part = fuzz_text(in, mark ? (size_t)(mark - in->at) : in->n);
    if (mark) {
        in->at++;
        in->n--;
    }
    return part;
}

static inline bool is_printable(const char *text)
{
    for (; *text; text++)
        if (*text < ' ' || *text > '~')
            return false;
    return true;
}

#endif
