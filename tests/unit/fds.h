/* What the tests of the fds profile share: what it says of a descriptor. */
#ifndef TESTS_UNIT_FDS_H
#define TESTS_UNIT_FDS_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "profile/take.h"
#include "record/stacks.h"

enum { FDS, IDLE, QUEUED, REGISTERED };

/* What the profile says of one descriptor. */
struct seen {
    char kind[32], state[900];
    uint32_t stack;
    int64_t idle_ns, age_ns, value[LP_VALUES_MAX];
};

static inline bool see(int fd, struct seen *seen)
{
    int found = 0;
    struct lp_profile *profile = lp_take(lp_kind_find("fds"));
    for (size_t i = 0; i < profile->nitems; i++) {
        const struct lp_item *item = &profile->items[i];
        if (item->id != fd)
            continue;
        found++;
        snprintf(seen->kind, sizeof seen->kind, "%s", item->name);
        snprintf(seen->state, sizeof seen->state, "%s", item->state);
        seen->stack = item->stack;
        seen->idle_ns = item->state_ns;
        seen->age_ns = item->age_ns;
        memcpy(seen->value, item->value, sizeof seen->value);
    }
    lp_profile_free(profile);
    assert_true(found <= 1);
    return found == 1;
}

/* The kind that the profile gives this descriptor, NULL when it has none; `here`: with a stack. */
static inline const char *kind_of(int fd, bool *here)
{
    static struct seen seen;
    bool found = see(fd, &seen);
    if (found)
        *here = seen.stack >= LP_STACK_FIRST;
    return found ? seen.kind : NULL;
}

#define assert_says(fd, text)                                                                      \
    do {                                                                                           \
        struct seen seen_;                                                                         \
        assert_true(see(fd, &seen_));                                                              \
        if (!strstr(seen_.state, text))                                                            \
            fail_msg("no \"%s\" in: %s", text, seen_.state);                                       \
    } while (0)

#define assert_value(fd, which, wanted)                                                            \
    do {                                                                                           \
        struct seen seen_;                                                                         \
        assert_true(see(fd, &seen_));                                                              \
        assert_int_equal(seen_.value[which], wanted);                                              \
    } while (0)

static inline void expect(int fd, const char *kind)
{
    bool here = false;
    assert_true(fd >= 0);
    assert_string_equal(kind_of(fd, &here), kind);
    assert_true(here);
}

static inline void expect_and_close(int fd, const char *kind)
{
    bool here;
    expect(fd, kind);
    assert_int_equal(close(fd), 0);
    assert_null(kind_of(fd, &here));
}

#endif
