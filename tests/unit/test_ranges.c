/* Ranges: whatever is put, cut and marked, the set is what an array of owners says it is. */
#include "unit.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "record/capacity.h"
#include "record/ranges.h"

enum { NUMBERS = 300, ROUNDS = 20000 };

LP_RANGES(set, LP_OWN_MAPS, LP_MAPS_MAX, LP_LOSS_MAPS_FULL);
static uint32_t owner[NUMBERS]; /* the stack of each number; 0: nobody's */
static uint32_t call[NUMBERS];  /* the put that made it */

static void put(uint64_t start, uint64_t length, uint32_t stack)
{
    static uint32_t puts;
    lp_ranges_put(&set, &(struct lp_range){.start = start, .length = length, .stack = stack},
                  false);
    puts++;
    for (uint64_t i = start; i < start + length; i++) {
        owner[i] = stack;
        call[i] = puts;
    }
}

static void gone(uint64_t start, uint64_t length)
{
    for (uint64_t i = start; i < start + length; i++)
        owner[i] = 0;
}

/* The ranges are the stretches of one owner and one call, as few as can be. */
static void expect_the_same(void)
{
    struct lp_range found[NUMBERS];
    uint32_t n = lp_ranges_copy(&set, 0, found, NUMBERS, false), k = 0;
    for (uint32_t i = 0, end; i < NUMBERS; i = end) {
        for (end = i + 1; end < NUMBERS && owner[end] == owner[i] && call[end] == call[i];)
            end++;
        if (!owner[i])
            continue;
        assert_in_range(k, 0, n - 1);
        assert_int_equal(found[k].start, i);
        assert_int_equal(found[k].length, end - i);
        assert_int_equal(found[k].stack, owner[i]);
        k++;
    }
    assert_int_equal(k, n);
    assert_int_equal(lp_ranges_live(&set), n);
}

static void the_set_is_what_was_done_to_it(void **state)
{
    (void)state;
    srand(1);
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t start = (uint64_t)rand() % (NUMBERS - 1);
        uint64_t length = 1 + (uint64_t)rand() % (i % 7 ? 12 : NUMBERS - start);
        if (start + length > NUMBERS)
            length = NUMBERS - start;
        uint32_t mark;
        switch (rand() % 5) {
        case 0:
        case 1:
            put(start, length, 1 + (uint32_t)rand() % 5);
            break;
        case 2:
            lp_ranges_cut(&set, start, length, false);
            gone(start, length);
            break;
        case 3: /* a call that works, */
            mark = lp_ranges_mark(&set, start, length, false);
            lp_ranges_gone(&set, start, length, mark, false);
            gone(start, length);
            break;
        default: /* and one that fails */
            mark = lp_ranges_mark(&set, start, length, false);
            lp_ranges_stays(&set, start, length, mark, false);
        }
        expect_the_same();
    }
    lp_ranges_cut(&set, 0, NUMBERS, false);
    gone(0, NUMBERS);
    expect_the_same();
}

/* Between a mark and its end, another thread may get the same numbers. */
static void what_came_in_between_stays(void **state)
{
    (void)state;
    put(100, 50, 1);
    uint32_t mark = lp_ranges_mark(&set, 110, 20, false);
    assert_int_not_equal(mark, 0);
    put(115, 5, 2);
    lp_ranges_gone(&set, 110, 20, mark, false);
    gone(110, 5);
    gone(120, 10);
    expect_the_same();
    lp_ranges_cut(&set, 0, NUMBERS, false);
    gone(0, NUMBERS);
}

static void nothing_is_marked_where_nothing_is(void **state)
{
    (void)state;
    put(100, 10, 1);
    assert_int_equal(lp_ranges_mark(&set, 0, 100, false), 0);
    assert_int_equal(lp_ranges_mark(&set, 110, 100, false), 0);
    assert_int_equal(lp_ranges_mark(&set, 100, 0, false), 0);
    expect_the_same();
    lp_ranges_cut(&set, 0, NUMBERS, false);
    gone(0, NUMBERS);
}

/* Who cannot wait does not, and loses only what it was about. */
static void a_held_lock_is_a_loss_for_who_only_tries(void **state)
{
    (void)state;
    uint64_t lost = lp_losses(LP_LOSS_REENTERED);
    put(100, 10, 1);
    assert_true(lp_trylock(&set.lock));
    lp_ranges_put(&set, &(struct lp_range){.start = 1, .length = 1, .stack = 1}, true);
    lp_ranges_cut(&set, 100, 10, true);
    assert_int_equal(lp_ranges_mark(&set, 100, 10, true), 0);
    lp_unlock(&set.lock);
    assert_int_equal(lp_losses(LP_LOSS_REENTERED), lost + 3);
    expect_the_same();
    lp_ranges_cut(&set, 0, NUMBERS, false);
    gone(0, NUMBERS);
}

static void a_hundred_thousand_are_found_in_order(void **state)
{
    (void)state;
    enum { MANY = 100000 };
    struct lp_range found[1000];
    for (uint64_t i = 0; i < MANY; i++) { /* in a shuffled order */
        uint64_t number = i * 7919 % MANY;
        lp_ranges_put(&set, &(struct lp_range){.start = number * 4096, .length = 4096, .stack = 1},
                      false);
    }
    assert_int_equal(lp_ranges_live(&set), MANY);
    uint64_t from = 0, next = 0;
    for (uint32_t n; (n = lp_ranges_copy(&set, from, found, 1000, false)) > 0;) {
        for (uint32_t i = 0; i < n; i++, next++)
            assert_int_equal(found[i].start, next * 4096);
        from = found[n - 1].start + found[n - 1].length;
    }
    assert_int_equal(next, MANY);
    lp_ranges_cut(&set, 4096, (MANY - 2) * UINT64_C(4096), false);
    assert_int_equal(lp_ranges_live(&set), 2);
    lp_ranges_cut(&set, 0, MANY * UINT64_C(4096), false);
    assert_int_equal(lp_ranges_live(&set), 0);
}

enum { THREADS = 4, EACH = 64, TURNS = 3000 };

/* Each has numbers of its own, and marks the others', too, but takes nothing from them. */
static void *turn(void *first)
{
    unsigned seed = (unsigned)(uintptr_t)first;
    uint64_t start = (uintptr_t)first;
    for (int i = 0; i < TURNS; i++) {
        uint64_t at = start + (uint64_t)rand_r(&seed) % EACH;
        lp_ranges_put(&set, &(struct lp_range){.start = at, .length = 1, .stack = 1}, false);
        uint32_t mark = lp_ranges_mark(&set, 0, THREADS * EACH, false);
        lp_ranges_stays(&set, 0, THREADS * EACH, mark, false);
        lp_ranges_cut(&set, start + (uint64_t)rand_r(&seed) % EACH, 2, false);
    }
    lp_ranges_cut(&set, start, EACH, false);
    for (uint64_t k = 0; k < EACH; k += 2)
        lp_ranges_put(&set, &(struct lp_range){.start = start + k, .length = 1, .stack = 1}, false);
    return NULL;
}

static void threads_do_not_get_in_each_others_way(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    struct lp_range found[THREADS * EACH];
    uint64_t lost_before = lp_losses(LP_LOSS_WAITED);
    for (uintptr_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, turn, (void *)(i * (EACH + 2)));
    for (int i = 0; i < TURNS / 10; i++) {
        uint32_t n = lp_ranges_copy(&set, 0, found, THREADS * EACH, false);
        for (uint32_t k = 1; k < n; k++)
            assert_true(found[k - 1].start + found[k - 1].length <= found[k].start);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    /* On a busy machine a thread may wait too long for the lock: that is counted, and no more is
     * missing. */
    int64_t lost = (int64_t)(lp_losses(LP_LOSS_WAITED) - lost_before);
    int64_t missing = THREADS * EACH / 2 - (int64_t)lp_ranges_live(&set);
    assert_true(missing <= lost && -missing <= lost);
    lp_ranges_cut(&set, 0, THREADS * (EACH + 2), false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_set_is_what_was_done_to_it),
        cmocka_unit_test(what_came_in_between_stays),
        cmocka_unit_test(nothing_is_marked_where_nothing_is),
        cmocka_unit_test(a_held_lock_is_a_loss_for_who_only_tries),
        cmocka_unit_test(threads_do_not_get_in_each_others_way),
        cmocka_unit_test(a_hundred_thousand_are_found_in_order),
    };
    return cmocka_run_group_tests_name("ranges", tests, NULL, NULL);
}
