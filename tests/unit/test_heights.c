/* Growth is found at its height: one caller of a line that serves many, or one function above
 * several lines. */
#include "unit.h"

#include "judge/heights.h"

enum { MAIN = 1, LOOP, COMMAND, LEAKY, STRING, OTHER, LOAD, FIRST, SECOND, THIRD };

#define BRANCH(kept, gone, ...)                                                                    \
    {                                                                                              \
        (const uintptr_t[]){__VA_ARGS__},                                                          \
            sizeof((const uintptr_t[]){__VA_ARGS__}) / sizeof(uintptr_t),                          \
        {                                                                                          \
            kept, gone                                                                             \
        }                                                                                          \
    }

/* zmalloc: 147 MiB allocated and 146 freed below many callers; one keeps all its 967 KiB. */
static void one_caller_of_a_wrapper_is_found(void **state)
{
    (void)state;
    const struct lp_branch branches[] = {
        BRANCH(900, 905, STRING, COMMAND, LOOP, MAIN),
        BRANCH(400, 396, STRING, OTHER, LOOP, MAIN),
        BRANCH(15, 0, STRING, LEAKY, COMMAND, LOOP, MAIN),
        BRANCH(100, 103, OTHER, LOOP, MAIN),
    };
    struct lp_height found;

    assert_int_equal(lp_height_below(branches, 4, &found), 1);
    assert_int_equal(found.node, LEAKY);
    assert_true(found.flow.kept == 15 && found.flow.gone == 0 && found.branches == 1);
    assert_true(found.chance < 0.001);
}

/* One caller's blocks go, and another's come: the place holds what it held. */
static void work_that_moves_is_at_no_height(void **state)
{
    (void)state;
    const struct lp_branch moves[] = {BRANCH(0, 40, OTHER, LOOP, MAIN),
                                      BRANCH(41, 0, COMMAND, LOOP, MAIN)},
                           grows[] = {BRANCH(0, 8, OTHER, LOOP, MAIN),
                                      BRANCH(300, 300, STRING, LOOP, MAIN),
                                      BRANCH(41, 0, COMMAND, LOOP, MAIN)};
    struct lp_height found;

    assert_int_equal(lp_height_below(moves, 2, &found), 0);
    assert_int_equal(lp_height_below(grows, 3, &found), 1);
    assert_int_equal(found.node, COMMAND);
    assert_true(found.tests > 1);
}

static void a_place_that_leaks_for_all_its_callers_is_the_place(void **state)
{
    (void)state;
    const struct lp_branch branches[] = {
        BRANCH(20, 0, COMMAND, LOOP, MAIN),
        BRANCH(18, 1, OTHER, LOOP, MAIN),
        BRANCH(22, 0, LEAKY, LOOP, MAIN),
    };
    struct lp_height found;

    assert_int_equal(lp_height_below(branches, 3, &found), 0);
    assert_int_equal(lp_height_below(branches, 0, &found), 0);
}

static void noise_is_at_no_height(void **state)
{
    (void)state;
    const struct lp_branch branches[] = {
        BRANCH(12, 10, FIRST, LOOP, MAIN),
        BRANCH(9, 12, SECOND, LOOP, MAIN),
        BRANCH(3, 0, THIRD, LOOP, MAIN),
    };
    struct lp_height found;

    assert_int_equal(lp_height_below(branches, 3, &found), 0);
    assert_int_equal(lp_height_above(branches, 3, 0.05, &found), 0);
}

/* +5, +4 and +1.5 MiB in samples of 512 KiB, each within its error. */
static void a_function_above_several_lines_is_found(void **state)
{
    (void)state;
    const struct lp_branch branches[] = {
        BRANCH(14, 4, FIRST, LOAD, LOOP, MAIN), BRANCH(11, 3, SECOND, LOAD, LOOP, MAIN),
        BRANCH(4, 1, THIRD, LOAD, LOOP, MAIN),  BRANCH(40, 45, OTHER, LOOP, MAIN),
        BRANCH(30, 28, COMMAND, LOOP, MAIN),
    };
    struct lp_height found;

    assert_int_equal(lp_height_above(branches, 5, 0.05, &found), 1);
    assert_int_equal(found.node, LOAD);
    assert_int_equal(found.branches, 3);
    assert_true(found.flow.kept == 29 && found.flow.gone == 8);
}

/* No node has enough events to be tested. */
static void two_samples_are_at_no_height(void **state)
{
    (void)state;
    const struct lp_branch branches[] = {BRANCH(2, 0, FIRST, LOAD, MAIN),
                                         BRANCH(0, 0, SECOND, LOAD, MAIN)};
    struct lp_height found;

    assert_int_equal(lp_height_below(branches, 2, &found), 0);
    assert_int_equal(lp_height_above(branches, 2, 0.001, &found), 0);
}

static void recursion_counts_once(void **state)
{
    (void)state;
    const struct lp_branch branches[] = {
        BRANCH(16, 0, LEAKY, LEAKY, LEAKY, MAIN),
        BRANCH(500, 500, OTHER, MAIN),
    };
    struct lp_height found;

    assert_int_equal(lp_height_below(branches, 2, &found), 1);
    assert_int_equal(found.node, LEAKY);
    assert_true(found.flow.kept == 16 && found.branches == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_caller_of_a_wrapper_is_found),
        cmocka_unit_test(work_that_moves_is_at_no_height),
        cmocka_unit_test(a_place_that_leaks_for_all_its_callers_is_the_place),
        cmocka_unit_test(noise_is_at_no_height),
        cmocka_unit_test(a_function_above_several_lines_is_found),
        cmocka_unit_test(two_samples_are_at_no_height),
        cmocka_unit_test(recursion_counts_once),
    };
    return cmocka_run_group_tests_name("heights", tests, NULL, NULL);
}
