/*
 * A profile made of bytes, for the targets that write one. Its stacks come from a fixed list,
 * because the table of stacks only grows: addresses of this program and of libraries, of no object,
 * marks at the end, and the special ones.
 */
#ifndef TESTS_FUZZ_PROFILE_H
#define TESTS_FUZZ_PROFILE_H

#include "fuzz.h"

#include <math.h>
#include <unistd.h>

#include "profile/take.h"
#include "record/code.h"
#include "record/stacks.h"
#include "symbolize/symbols.h"
#include "write/write.h"

enum { PROFILE_STACKS = 64, PROFILE_ROWS_MAX = 40, PROFILE_FRAMES_MAX = 12 };

static uint32_t profile_stacks[PROFILE_STACKS];

/* Its readable name has brackets: shop::Basket<char>::operator<(unsigned long) const. */
void profile_operator(void) __asm__("_ZNK4shop6BasketIcEltEm");
__attribute__((noinline)) void profile_operator(void)
{
    __asm__ volatile("nop; nop; nop; nop");
}

static inline void profile_make_stacks(void)
{
    const uintptr_t addresses[] = {(uintptr_t)profile_operator + 2,
                                   (uintptr_t)profile_make_stacks + 4,
                                   (uintptr_t)LLVMFuzzerTestOneInput + 8,
                                   (uintptr_t)lp_profile_seal + 16,
                                   (uintptr_t)malloc + 4,
                                   (uintptr_t)llround + 4,
                                   (uintptr_t)lp_write_json + 32,
                                   0x1234,
                                   0x7fffffffffff,
                                   (uintptr_t)&profile_stacks,
                                   (uintptr_t)lp_take + 7};
    enum { ADDRESSES = sizeof addresses / sizeof *addresses };
    unsigned seed = 1;
    lp_code_prepare(environ); /* hooks/start.c does it */
    for (int i = 0; i < PROFILE_STACKS; i++) {
        uintptr_t frames[PROFILE_FRAMES_MAX];
        uint32_t n = 1 + (unsigned)rand_r(&seed) % (PROFILE_FRAMES_MAX - 1);
        for (uint32_t f = 0; f < n; f++)
            frames[f] = addresses[rand_r(&seed) % ADDRESSES];
        if (n > 1 && i % 8 == 0)
            frames[n - 1] = i % 16 ? LP_FRAME_CUT : LP_FRAME_DEEPER;
        profile_stacks[i] = i <= LP_STACK_FIRST ? (uint32_t)i : lp_stack_intern(frames, n);
    }
    lp_modules_refresh();
    CHECK(strstr(lp_symbolize((uintptr_t)profile_operator + 2)->frames[0].function, "Basket<"));
}

/* Once, for each target that includes this file. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    profile_make_stacks();
    return 0;
}

/* Small numbers often, any number sometimes, but sums of all rows fit. */
static inline int64_t profile_number(struct fuzz *in)
{
    unsigned bytes = (unsigned)fuzz_number(in, 1) % 8;
    int64_t value = (int64_t)fuzz_number(in, bytes < 6 ? 1 : bytes);
    return value % (INT64_MAX / (2 * PROFILE_ROWS_MAX));
}

/* Texts in a profile are clean. */
static inline const char *profile_text(struct lp_profile *profile, struct fuzz *in)
{
    char *part = fuzz_text(in, fuzz_number(in, 1) % 40);
    for (char *c = part; *c; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
    const char *text = lp_profile_text(profile, part);
    free(part);
    CHECK(text);
    return text;
}

static inline void profile_add_row(struct lp_profile *profile, struct fuzz *in)
{
    struct lp_row *row = lp_profile_row(profile);
    CHECK(row);
    *row = (struct lp_row){.stack = profile_stacks[fuzz_number(in, 1) % PROFILE_STACKS]};
    const struct lp_profile_kind *kind = profile->kind;
    if (kind->label_key && kind->label_unit)
        row->label_num = (int64_t)fuzz_number(in, 2);
    else if (kind->label_key)
        row->label_text = profile_text(profile, in);
    for (int i = 0; i < kind->nvalues; i++) {
        row->value[i] = profile_number(in);
        if (profile->delta && fuzz_number(in, 1) & 1)
            row->value[i] = -row->value[i];
        row->variance[i] = (double)(fuzz_number(in, 1) * fuzz_number(in, 1));
    }
}

static inline void profile_add_item(struct lp_profile *profile, struct fuzz *in)
{
    struct lp_item *item = lp_profile_item(profile);
    CHECK(item);
    *item = (struct lp_item){.id = (int64_t)fuzz_number(in, 2),
                             .stack = profile_stacks[fuzz_number(in, 1) % PROFILE_STACKS],
                             .creator = profile_stacks[fuzz_number(in, 1) % PROFILE_STACKS],
                             .state_ns = profile_number(in) - 1,
                             .age_ns = profile_number(in) - 1};
    item->name = profile_text(profile, in);
    item->state = profile_text(profile, in);
    item->value[0] = profile_number(in);
}

static inline const struct lp_profile_kind *profile_kind(struct fuzz *in)
{
    size_t n = 0, chosen = fuzz_number(in, 1);
    while (lp_kinds[n])
        n++;
    return lp_kinds[chosen % n];
}

static inline struct lp_profile *profile_make(struct fuzz *in)
{
    const struct lp_profile_kind *kind = profile_kind(in);
    unsigned bits = (unsigned)fuzz_number(in, 1);
    struct lp_profile *profile = lp_profile_new(kind);
    CHECK(profile);
    profile->delta = bits & 1;
    profile->time_ns = profile_number(in);
    profile->duration_ns = bits & 2 ? profile_number(in) : 0;
    profile->period = profile_number(in);
    profile->losses = (uint64_t)profile_number(in);
    if (bits & 4)
        profile->note = profile_text(profile, in);
    for (unsigned rows = (unsigned)fuzz_number(in, 1) % PROFILE_ROWS_MAX; rows > 0 && in->n > 0;
         rows--)
        profile_add_row(profile, in);
    if (kind->item && !profile->delta)
        for (unsigned items = (unsigned)fuzz_number(in, 1) % 8; items > 0; items--)
            profile_add_item(profile, in);
    lp_profile_seal(profile);
    return profile;
}

#endif
