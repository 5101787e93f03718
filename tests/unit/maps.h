/* What the tests of the maps profile share: what it says of an address, and calls that map. */
#ifndef TESTS_UNIT_MAPS_H
#define TESTS_UNIT_MAPS_H

#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>

#include "record/self.h"
#include "leaf.h"
#include "profile/take.h"

enum { PAGE = 4096, RW = PROT_READ | PROT_WRITE, PLAIN = MAP_PRIVATE | MAP_ANONYMOUS };

static inline struct lp_profile *take(void)
{
    int previous = lp_own_enter();
    struct lp_profile *profile = lp_take(lp_kind_find("maps"));
    lp_own_leave(previous);
    assert_non_null(profile);
    return profile;
}

static inline void drop(struct lp_profile *profile)
{
    int previous = lp_own_enter();
    lp_profile_free(profile);
    lp_own_leave(previous);
}

/* The item that has this address; kind "" when there is none. */
struct seen {
    char kind[32], state[500], function[64];
    uintptr_t start;
    int64_t mapped, resident, age_ns;
};

static inline struct seen look(const void *address)
{
    struct seen seen = {0};
    struct lp_profile *profile = take();
    for (size_t i = 0; i < profile->nitems; i++) {
        const struct lp_item *item = &profile->items[i];
        unsigned long start, end;
        assert_int_equal(sscanf(item->state, "%lx-%lx", &start, &end), 2);
        if ((uintptr_t)address < start || (uintptr_t)address >= end)
            continue;
        assert_string_equal(seen.kind, ""); /* nothing twice */
        seen.start = start;
        seen.mapped = item->value[1];
        seen.resident = item->value[2];
        seen.age_ns = item->age_ns;
        snprintf(seen.kind, sizeof seen.kind, "%s", item->name);
        snprintf(seen.state, sizeof seen.state, "%s", item->state);
        snprintf(seen.function, sizeof seen.function, "%s", leaf_of(item->stack));
    }
    drop(profile);
    return seen;
}

static inline void expect(const char *address, size_t pages, const char *kind, const char *function)
{
    struct seen seen = look(address);
    assert_string_equal(seen.kind, kind);
    assert_int_equal(seen.start, (uintptr_t)address);
    assert_int_equal(seen.mapped, pages * PAGE);
    assert_string_equal(seen.function, function);
    assert_true(seen.age_ns >= 0);
}

/* Nothing of the test's: libc or a sanitizer may have taken the place meanwhile. */
static inline void expect_nothing(const char *address)
{
    assert_string_equal(look(address).function, "");
}

/* A test unmaps what it has mapped, and not the holes in it: others may have mapped something there
 * meanwhile, libunwind its caches, say. */
char *map_here(size_t pages);
__attribute__((noinline)) char *map_here(size_t pages)
{
    char *start = mmap(NULL, pages * PAGE, RW, PLAIN, -1, 0);
    __asm__ volatile("" : "+r"(start));
    return start;
}

char *map_there(void *where, size_t pages);
__attribute__((noinline)) char *map_there(void *where, size_t pages)
{
    char *start = mmap64(where, pages * PAGE, RW, PLAIN | MAP_FIXED, -1, 0);
    __asm__ volatile("" : "+r"(start));
    return start;
}

#endif
