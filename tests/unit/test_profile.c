/* Rows, sums and differences; snapshots in their store. */
#include "unit.h"
#include "store.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "profile/heap.h"
#include "profile/profile.h"
#include "record/blocks.h"
#include "record/sites.h"
#include "record/stacks.h"

static const struct lp_profile_kind *heap(void)
{
    return lp_kind_find("heap");
}

static void put(struct lp_profile *profile, uint32_t stack, int64_t label, int64_t value)
{
    struct lp_row *row = lp_profile_row(profile);
    *row = (struct lp_row){
        .stack = stack, .label_num = label, .value = {0, 0, 1, value}, .variance = {0, 9, 0, 9}};
}

static void equal_rows_are_added_up(void **state)
{
    (void)state;
    struct lp_profile *profile = lp_profile_new(heap());
    put(profile, 9, 1, 10);
    put(profile, 5, 2, 20);
    put(profile, 9, 1, 5);
    lp_profile_row(profile)->stack = 5;
    profile->rows[3].label_text = lp_profile_text(profile, "text");
    lp_profile_seal(profile);
    assert_int_equal(profile->nrows, 3);
    assert_int_equal(profile->rows[2].stack, 9);
    assert_int_equal(profile->rows[2].value[3], 15);
    double error;
    assert_int_equal(lp_profile_total(profile, 3, &error), 35);
    assert_true(fabs(error - sqrt(27)) < 1e-9);
    lp_profile_free(profile);
}

static void a_difference_has_signs_and_no_zero_rows(void **state)
{
    (void)state;
    struct lp_profile *from = lp_profile_new(heap()), *to = lp_profile_new(heap());
    put(from, 1, 0, 10); /* goes */
    put(from, 2, 0, 10); /* stays */
    put(from, 3, 0, 10); /* grows */
    put(to, 2, 0, 10);
    put(to, 3, 0, 30);
    to->rows[1].variance[1] = to->rows[1].variance[3] = 13;
    put(to, 4, 0, 7); /* comes */
    from->time_ns = 1000;
    to->time_ns = 3000;
    lp_profile_seal(from);
    lp_profile_seal(to);
    struct lp_profile *diff = lp_profile_diff(from, to);
    assert_true(diff->delta);
    assert_int_equal(diff->duration_ns, 2000);
    assert_int_equal(diff->nrows, 3);
    assert_int_equal(diff->rows[0].value[3], -10);
    assert_int_equal(diff->rows[1].value[3], 20);
    assert_true(diff->rows[1].variance[3] == 4); /* what stayed is the same in both */
    assert_true(diff->rows[2].variance[3] == 9);
    assert_int_equal(diff->rows[2].value[3], 7);
    assert_int_equal(lp_profile_total(diff, 3, NULL), 17);
    lp_profile_keep_growth(diff, diff->kind->growth_value);
    assert_int_equal(diff->nrows, 2);
    assert_int_equal(lp_profile_total(diff, 3, NULL), 27);
    lp_profile_free(diff);
    lp_profile_free(from);
    lp_profile_free(to);
}

/* The ages of one live block, born at the process's first tick. */
static struct lp_ages *ages_at(uint32_t now, uint32_t stack)
{
    uint32_t site = lp_site_get(stack, 4711);
    struct lp_block block = {.address = 0x7000, .size = 4711, .site = site, .weight = 1}, out;
    lp_block_insert(&block);
    struct lp_ages_taking *taking = lp_ages_begin(lp_site_count(), now);
    lp_ages_expect(taking, site, stack, 1);
    struct lp_ages *ages = lp_ages_end(taking);
    lp_block_remove(0x7000, &out);
    return ages;
}

static void ages_are_the_later_ones_and_keep_no_row(void **state)
{
    (void)state;
    uintptr_t frames[] = {0x1000, 0x2000};
    uint32_t stack = lp_stack_intern(frames, 2);
    struct lp_profile *from = lp_profile_new(heap()), *to = lp_profile_new(heap());
    put(from, stack, 4711, 10);
    put(to, stack, 4711, 10);
    lp_heap_of(from)->ages = ages_at(100, stack);
    lp_heap_of(to)->ages = ages_at(700, stack);
    lp_profile_seal(from);
    lp_profile_seal(to);
    struct lp_profile *diff = lp_profile_diff(from, to);
    lp_profile_free(from);
    lp_profile_free(to);
    struct lp_age age;
    assert_int_equal(diff->nrows, 0);
    assert_true(lp_ages_get(lp_heap_of(diff)->ages, stack, &age));
    assert_int_equal(age.oldest_ns, 7000000000);
    lp_profile_free(diff);
}

static void an_empty_profile_is_fine(void **state)
{
    (void)state;
    struct lp_profile *a = lp_profile_new(heap()), *b = lp_profile_new(heap());
    lp_profile_seal(a);
    struct lp_profile *diff = lp_profile_diff(a, b);
    assert_int_equal(diff->nrows, 0);
    lp_profile_free(a);
    lp_profile_free(b);
    lp_profile_free(diff);
    lp_profile_free(NULL);
}

static void snapshots_are_numbered_and_dropped(void **state)
{
    (void)state;
    const struct lp_snapshot *first, *second;
    assert_int_equal(store_take("base", &first), 0);
    assert_int_equal(store_take(NULL, &second), 0);
    assert_int_equal(second->id, first->id + 1);
    assert_string_equal(first->name, "base");
    assert_ptr_equal(lp_store_find(first->id), first);
    assert_non_null(lp_snapshot_profile(first, lp_kind_find("allocs")));
    assert_non_null(lp_snapshot_profile(first, lp_kind_find("goroutine")));
    assert_int_equal(lp_store_drop(first->id), 0);
    assert_int_equal(lp_store_drop(1000), -ENOENT);
    assert_null(lp_store_find(1));
    assert_ptr_equal(lp_store_at(0), second);
    assert_null(lp_store_at(1));
    lp_store_drop(second->id);
}

static void a_full_store_refuses_and_keeps_what_it_has(void **state)
{
    (void)state;
    const struct lp_snapshot *snapshot = NULL;
    for (int i = 0; i < LP_SNAPSHOTS_MAX; i++)
        assert_int_equal(store_take("", &snapshot), 0);
    int last = snapshot->id;
    assert_int_equal(store_take("", &snapshot), -ENOSPC);
    assert_non_null(lp_store_find(last));
    while ((snapshot = lp_store_at(0)))
        lp_store_drop(snapshot->id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_rows_are_added_up),
        cmocka_unit_test(a_difference_has_signs_and_no_zero_rows),
        cmocka_unit_test(ages_are_the_later_ones_and_keep_no_row),
        cmocka_unit_test(an_empty_profile_is_fine),
        cmocka_unit_test(snapshots_are_numbered_and_dropped),
        cmocka_unit_test(a_full_store_refuses_and_keeps_what_it_has),
    };
    return cmocka_run_group_tests_name("profile", tests, NULL, NULL);
}
