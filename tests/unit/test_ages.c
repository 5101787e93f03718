/* Ages of the live blocks: weighed, merged, and off by no more than is said. */
#include "unit.h"

#include <stdlib.h>

#include "profile/heap.h"
#include "record/rate.h"
#include "sys/clock.h"
#include "profile/take.h"
#include "record/blocks.h"
#include "record/sites.h"
#include "record/stacks.h"

enum { NOW = 2000000000, SIZE = 48 };

static uintptr_t addresses; /* given out, from 1 up */

static uint32_t new_stack(void)
{
    static uintptr_t number = 0x5000000;
    uintptr_t frames[] = {number++, 1, 2};
    return lp_stack_intern(frames, 3);
}

static void put(uint32_t stack, uint32_t age, float weight)
{
    struct lp_block block = {.address = ++addresses << 12,
                             .size = SIZE,
                             .site = lp_site_get(stack, SIZE),
                             .birth = NOW - age,
                             .weight = weight};
    assert_int_equal(lp_block_insert(&block), 0);
}

static int clear(void **state)
{
    (void)state;
    struct lp_block out;
    for (; addresses > 0; addresses--)
        lp_block_remove(addresses << 12, &out);
    return 0;
}

static int quiet(void **state)
{
    (void)state;
    lp_rate_set(0);
    return 0;
}

static struct lp_ages *take(const uint32_t *stacks, size_t n, int64_t objects)
{
    struct lp_ages_taking *taking = lp_ages_begin(lp_site_count(), NOW);
    for (size_t i = 0; i < n; i++)
        lp_ages_expect(taking, lp_site_get(stacks[i], SIZE), stacks[i], objects);
    struct lp_ages *ages = lp_ages_end(taking);
    assert_non_null(ages);
    return ages;
}

static struct lp_age age_of(const struct lp_ages *ages, uint32_t stack)
{
    struct lp_age age;
    assert_true(lp_ages_get(ages, stack, &age));
    return age;
}

#define TICKS(n) ((int64_t)(n)*LP_TICK_NS)

static void one_block_is_exact(void **state)
{
    (void)state;
    uint32_t stack = new_stack();
    put(stack, 123457, 5);
    struct lp_ages *ages = take(&stack, 1, 5);
    assert_int_equal(age_of(ages, stack).oldest_ns, TICKS(123457));
    assert_int_equal(age_of(ages, stack).median_ns, TICKS(123457));
    lp_ages_drop(ages);
}

static void the_median_is_that_of_the_estimated_blocks(void **state)
{
    (void)state;
    uint32_t stack = new_stack();
    put(stack, 5000, 1);
    put(stack, 1000, 1);
    put(stack, 3, 100); /* one sample for a hundred young ones */
    struct lp_ages *ages = take(&stack, 1, 102);
    assert_int_equal(age_of(ages, stack).median_ns, TICKS(3));
    assert_int_equal(age_of(ages, stack).oldest_ns, TICKS(5000));
    lp_ages_drop(ages);
}

/* Each age is the median of three; few blocks a stack, and many. */
static void no_median_is_off_by_more_than_is_said(void **state)
{
    (void)state;
    enum { AGES = 300 };
    static uint32_t stacks[AGES], ages[AGES];
    for (int many = 0; many < 2; many++) {
        double age = 0;
        for (int i = 0; i < AGES; i++, age = age * 1.07 + 1) {
            ages[i] = (uint32_t)(age < NOW ? age : NOW);
            stacks[i] = new_stack();
            put(stacks[i], 0, 1);
            put(stacks[i], ages[i], 1);
            put(stacks[i], NOW, 1);
        }
        struct lp_ages *table = take(stacks, AGES, many ? 1000000 : 3);
        for (int i = 0; i < AGES; i++) {
            int64_t got = age_of(table, stacks[i]).median_ns / LP_TICK_NS;
            if (llabs(got - (int64_t)ages[i]) * 8 > (int64_t)ages[i])
                fail_msg("%u is taken for %d", ages[i], (int)got);
        }
        lp_ages_drop(table);
        clear(NULL);
    }
}

static void stacks_add_up(void **state)
{
    (void)state;
    uint32_t stacks[] = {new_stack(), new_stack(), new_stack()};
    put(stacks[0], 10, 1);
    put(stacks[1], 90000, 1);
    put(stacks[1], 1000, 1);
    struct lp_ages *ages = take(stacks, 3, 2);
    struct lp_age_sum sum = {0};
    struct lp_age age;
    assert_false(lp_age_of(&sum, &age));
    assert_true(lp_ages_add(ages, stacks[0], &sum));
    assert_true(lp_ages_add(ages, stacks[1], &sum));
    assert_false(lp_ages_add(ages, stacks[2], &sum)); /* nothing is live there */
    assert_false(lp_ages_add(NULL, stacks[0], &sum));
    assert_true(lp_age_of(&sum, &age));
    assert_int_equal(age.oldest_ns, TICKS(90000));
    assert_in_range(age.median_ns, TICKS(875), TICKS(1125));
    assert_true(lp_age_between(&sum, TICKS(20), TICKS(10000)) == 1);
    assert_true(lp_age_between(&sum, 0, TICKS(200000)) == 3);
    assert_true(lp_age_between(&sum, TICKS(1001), TICKS(2000)) == 0);
    lp_ages_drop(ages);
}

/* The program goes on while the profile is taken. */
static void what_came_later_does_no_harm(void **state)
{
    (void)state;
    uint32_t grown = new_stack(), fresh = new_stack();
    for (uint32_t i = 0; i < 1000; i++)
        put(grown, 1u << i % 30, 1);
    put(fresh, 7, 1);
    struct lp_ages *ages = take(&grown, 1, 1);
    struct lp_age_sum sum = {0};
    struct lp_age age;
    assert_true(lp_ages_add(ages, grown, &sum));
    assert_true(sum.total == 1000);
    assert_int_equal(age_of(ages, grown).oldest_ns, TICKS(1 << 29));
    assert_false(lp_ages_get(ages, fresh, &age));
    lp_ages_drop(ages);
}

static void a_profile_comes_with_the_ages_of_what_is_live(void **state)
{
    (void)state;
    uint32_t live = new_stack(), gone = new_stack();
    struct lp_block out;
    lp_site_alloc(lp_site_get(live, SIZE), SIZE, 1);
    put(live, NOW, 1); /* born at the first tick */
    lp_site_alloc(lp_site_get(gone, SIZE), SIZE, 1);
    put(gone, NOW, 1);
    lp_block_remove(addresses << 12, &out);
    lp_site_free(lp_site_get(gone, SIZE), SIZE, 1);
    struct lp_profile *profile = lp_take(lp_kind_find("heap"));
    struct lp_age age;
    assert_true(lp_ages_get(lp_heap_of(profile)->ages, live, &age));
    assert_false(lp_ages_get(lp_heap_of(profile)->ages, gone, &age));
    lp_profile_free(profile);
    lp_site_free(lp_site_get(live, SIZE), SIZE, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(one_block_is_exact, clear),
        cmocka_unit_test_teardown(the_median_is_that_of_the_estimated_blocks, clear),
        cmocka_unit_test_teardown(no_median_is_off_by_more_than_is_said, clear),
        cmocka_unit_test_teardown(stacks_add_up, clear),
        cmocka_unit_test_teardown(what_came_later_does_no_harm, clear),
        cmocka_unit_test_teardown(a_profile_comes_with_the_ages_of_what_is_live, clear),
    };
    return cmocka_run_group_tests_name("ages", tests, quiet, NULL);
}
