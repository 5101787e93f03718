/* Claim: a table finds each key, also among equal hashes and after it has grown, and gives its
 * memory back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "sys/array.h"
#include "sys/table.h"

enum { N = 10000 };

static bool is_key(uint64_t value, const void *key)
{
    return value == *(const uint64_t *)key;
}

static void put_all(struct lp_table *table, uint64_t hashes)
{
    for (uint64_t key = 1; key <= N; key++) {
        struct lp_table_slot *slot = lp_table_slot(table, lp_table_mix(key % hashes), is_key, &key);
        assert_non_null(slot);
        assert_int_equal(slot->value, 0);
        lp_table_fill(table, slot, key);
    }
    assert_int_equal(table->n, N);
    for (uint64_t key = 1; key <= N; key++)
        assert_int_equal(lp_table_find(table, lp_table_mix(key % hashes), is_key, &key), key);
    uint64_t other = N + 1;
    assert_int_equal(lp_table_find(table, lp_table_mix(other % hashes), is_key, &other), 0);
}

static void test_every_key_is_found(void **state)
{
    (void)state;
    int64_t before = lp_own_bytes(LP_OWN_REPORTS);
    static const uint64_t hashes[] = {UINT64_MAX,
                                      500}; /* all different; twenty keys have the same */
    for (int i = 0; i < 2; i++) {
        struct lp_table table = {.kind = LP_OWN_REPORTS};
        uint64_t key = 1;
        assert_int_equal(lp_table_find(&table, 1, is_key, &key), 0);
        put_all(&table, hashes[i]);
        size_t bytes = lp_table_bytes(&table);
        assert_int_equal(lp_own_bytes(LP_OWN_REPORTS) - before, bytes);
        lp_table_clear(&table);
        put_all(&table, hashes[i]);
        assert_int_equal(lp_table_bytes(&table), bytes);
        lp_table_release(&table);
        assert_int_equal(lp_own_bytes(LP_OWN_REPORTS), before);
    }
}

static void test_a_slot_that_is_not_filled_stays_empty(void **state)
{
    (void)state;
    struct lp_table table = {.kind = LP_OWN_REPORTS};
    for (uint64_t hash = 0; hash < N; hash++)
        assert_int_equal(lp_table_slot(&table, hash, NULL, NULL)->value, 0);
    assert_int_equal(table.n, 0);
    assert_int_equal(lp_table_bytes(&table), LP_PAGE);
    lp_table_release(&table);
}

static void test_an_array_keeps_its_items(void **state)
{
    (void)state;
    int *items = NULL;
    size_t capacity = 0;
    for (int n = 0; n < N; n++) {
        assert_true(lp_array_reserve(&items, &capacity, (size_t)n + 1, sizeof *items));
        items[n] = n;
    }
    for (int n = 0; n < N; n++)
        assert_int_equal(items[n], n);
    size_t before = capacity;
    volatile size_t too_many = SIZE_MAX / 2;
    assert_false(lp_array_reserve(&items, &capacity, too_many, sizeof *items));
    assert_int_equal(capacity, before);
    assert_int_equal(items[N - 1], N - 1);
    free(items);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_key_is_found),
                                       cmocka_unit_test(test_a_slot_that_is_not_filled_stays_empty),
                                       cmocka_unit_test(test_an_array_keeps_its_items)};
    return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
