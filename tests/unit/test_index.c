/* The hash index: every item is found, once, in a few steps, whatever the hashes and the threads.
 */
#include "unit.h"

#include <pthread.h>
#include <string.h>

#include "sys/index.h"

struct item {
    struct lp_index_links links;
    uint64_t key;
};

LP_SLAB(items, sizeof(struct item), 12, LP_OWN_STACKS);
LP_INDEX(table, &items);

static struct item *item_at(uint32_t i)
{
    return lp_slab_at(&items, i);
}

/* The item with this key; LP_INDEX_END. Counts the items it compares. */
static uint32_t find(struct lp_index_path *path, uint64_t key, uint32_t *steps)
{
    for (uint32_t i; (i = lp_index_next(&table, path)) != LP_INDEX_END;) {
        ++*steps;
        if (item_at(i)->key == key)
            return i;
    }
    return LP_INDEX_END;
}

static uint32_t find_or_add(uint64_t key, uint64_t hash, uint32_t *steps)
{
    struct lp_index_path path = lp_index_path(&table, hash);
    uint32_t fresh = LP_INDEX_END;
    for (;;) {
        uint32_t i = find(&path, key, steps);
        if (i != LP_INDEX_END)
            return i;
        if (fresh == LP_INDEX_END) {
            fresh = lp_slab_add(&items, 1);
            assert_int_not_equal(fresh, LP_SLAB_FULL);
            item_at(fresh)->key = key;
        }
        if (lp_index_put(&path, fresh))
            return fresh;
    }
}

static uint64_t hash_of(uint64_t key)
{
    return lp_index_mix(key ^ 0x9e3779b97f4a7c15u, 0xbf58476d1ce4e5b9u) * 0xff51afd7ed558ccdu;
}

static void a_million_items_are_a_few_steps_away(void **state)
{
    (void)state;
    enum { MANY = 1 << 20 };
    static uint32_t numbers[MANY];
    uint32_t steps = 0;
    uint64_t all = 0, most = 0;
    for (uint64_t key = 0; key < MANY; key++)
        numbers[key] = find_or_add(key, hash_of(key), &steps);
    for (uint64_t key = 0; key < MANY; key++) {
        steps = 0;
        assert_int_equal(find_or_add(key, hash_of(key), &steps), numbers[key]);
        all += steps;
        most = steps > most ? steps : most;
    }
    assert_int_equal(lp_slab_count(&items), MANY); /* nothing twice */
    assert_in_range(all / MANY, 1, 5);
    assert_in_range(most, 1, 20);
}

/* The path has fewer bits than there are items: it goes on through the first link of each. */
static void items_with_one_hash_are_told_apart(void **state)
{
    (void)state;
    enum { SAME = 100 };
    uint32_t numbers[SAME], steps = 0;
    for (uint64_t i = 0; i < SAME; i++)
        numbers[i] = find_or_add(UINT64_C(1) << 40 | i, UINT64_MAX, &steps);
    for (uint64_t i = 0; i < SAME; i++)
        assert_int_equal(find_or_add(UINT64_C(1) << 40 | i, UINT64_MAX, &steps), numbers[i]);
}

enum { THREADS = 4, KEYS = 20000 };

static void *add_all(void *arg)
{
    uint32_t *numbers = arg, steps = 0;
    for (uint64_t i = 0; i < KEYS; i++) {
        uint64_t key = UINT64_C(1) << 41 | i;
        numbers[i] = find_or_add(key, hash_of(i / 3), &steps); /* some hashes three times */
    }
    return NULL;
}

static void threads_that_race_get_the_same_items(void **state)
{
    (void)state;
    static uint32_t numbers[THREADS][KEYS];
    pthread_t threads[THREADS];
    for (int t = 0; t < THREADS; t++)
        pthread_create(&threads[t], NULL, add_all, numbers[t]);
    for (int t = 0; t < THREADS; t++)
        pthread_join(threads[t], NULL);
    for (int t = 1; t < THREADS; t++)
        assert_memory_equal(numbers[t], numbers[0], sizeof numbers[0]);
}

/* Sums of products would give some thousand values for these. */
static void regular_words_have_different_mixtures(void **state)
{
    (void)state;
    enum { LEVELS = 16 };
    static uint64_t seen[1 << LEVELS];
    uint32_t steps = 0, before = lp_slab_count(&items);
    for (uint32_t path = 0; path < 1 << LEVELS; path++) {
        uint64_t h = 0;
        for (int level = 0; level < LEVELS; level++)
            h = lp_index_mix(h ^ (path >> level & 1 ? 0x401020 : 0x401010), 0x9e3779b97f4a7c15u);
        seen[path] = h;
    }
    for (uint32_t path = 0; path < 1 << LEVELS; path++)
        find_or_add(seen[path], seen[path], &steps);
    assert_int_equal(lp_slab_count(&items) - before, 1 << LEVELS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_million_items_are_a_few_steps_away),
        cmocka_unit_test(items_with_one_hash_are_told_apart),
        cmocka_unit_test(threads_that_race_get_the_same_items),
        cmocka_unit_test(regular_words_have_different_mixtures),
    };
    return cmocka_run_group_tests_name("index", tests, NULL, NULL);
}
