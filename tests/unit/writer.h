/* What the tests of profiler/write/ share: a writer's output as text, and stacks of real
 * addresses. */
#ifndef TESTS_UNIT_WRITER_H
#define TESTS_UNIT_WRITER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "write/write.h"
#include "profile/take.h"
#include "record/stacks.h"

typedef int write_fn(FILE *, const struct lp_profile *, const struct lp_view *);

/* What the writer writes; free() it. */
static inline char *viewed(write_fn *write, const struct lp_profile *profile,
                           const struct lp_view *view, size_t *size)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, size);
    int rc = write(out, profile, view);
    fclose(out);
    assert_int_equal(rc, 0);
    return text;
}

static inline char *written(write_fn *write, const struct lp_profile *profile, int value,
                            size_t *size)
{
    return viewed(write, profile, &(struct lp_view){.kind = profile->kind, .value = value}, size);
}

/* The same of a debug text. */
static inline char *debugged(const struct lp_profile *profile, int level, size_t *size)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, size);
    int rc = lp_write_debug(out, profile, &(struct lp_view){.kind = profile->kind}, level);
    fclose(out);
    assert_int_equal(rc, 0);
    return text;
}

static inline void add_row(struct lp_profile *profile, uint32_t stack, int64_t bytes,
                           double variance)
{
    struct lp_row *row = lp_profile_row(profile);
    row->stack = stack;
    row->label_num = 64;
    row->value[0] = row->value[2] = bytes / 64;
    row->value[1] = row->value[3] = bytes;
    row->variance[1] = row->variance[3] = variance;
}

#endif
