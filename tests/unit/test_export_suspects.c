/* What grew is ranked by what would run out first; noise, small change and moved work are no
 * suspects. */
#include "unit.h"

#include <jansson.h>

#include "export.h"
#include "export/suspects.h"

enum { MIB = 1 << 20 };

#define PLACE(name)                                                                                \
    static __attribute__((noinline)) void name(void)                                               \
    {                                                                                              \
        __asm__ volatile("nop; nop; nop; nop; nop; nop");                                          \
    }
PLACE(greedy)
PLACE(noisy)
PLACE(steady)
PLACE(spawner)

/* Two stacks that end in one place: at two of its instructions if the caller is 1 and 2. */
static uint32_t stack_of(void (*place)(void), uintptr_t caller)
{
    uintptr_t frames[] = {(uintptr_t)place + 1, (uintptr_t)stack_of + caller};
    return lp_stack_intern(frames, 2);
}

static void add_threads(struct lp_profile *profile, uint32_t stack, int64_t n)
{
    struct lp_row *row = lp_profile_row(profile);
    row->stack = stack;
    row->value[0] = n;
}

static struct lp_snapshot *new_snapshot(int id)
{
    static const char *const names[] = {"heap", "threads", "fds"};
    struct lp_snapshot *snapshot = calloc(1, sizeof(*snapshot));
    snapshot->id = id;
    snapshot->uptime_ns = id * 10000000000;
    for (int i = 0; i < LP_SNAPSHOT_PROFILES; i++)
        snapshot->profiles[i] = lp_profile_new(lp_kind_find(names[i]));
    return snapshot;
}

static void seal(struct lp_snapshot *snapshot)
{
    for (int i = 0; i < LP_SNAPSHOT_PROFILES; i++)
        lp_profile_seal(snapshot->profiles[i]);
}

static void drop(struct lp_snapshot *snapshot)
{
    for (int i = 0; i < LP_SNAPSHOT_PROFILES; i++)
        lp_profile_free(snapshot->profiles[i]);
    free(snapshot);
}

static json_t *suspects_json(const struct lp_snapshot *from, const struct lp_snapshot *to)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_int_equal(lp_write_suspects_json(out, from, to), 0);
    fclose(out);
    json_t *json = json_loadb(text, size, 0, NULL);
    free(text);
    assert_non_null(json);
    return json;
}

static const char *string_of(json_t *json, const char *key)
{
    return json_string_value(json_object_get(json, key));
}

static void only_true_growth_is_ranked(void **state)
{
    (void)state;
    struct lp_snapshot *from = new_snapshot(1), *to = new_snapshot(2);
    add_row(from->profiles[0], stack_of(greedy, 1), 1 * MIB, 0);
    add_row(to->profiles[0], stack_of(greedy, 1), 2 * MIB, 0);
    add_row(to->profiles[0], stack_of(greedy, 2), 2 * MIB, 0);
    add_row(to->profiles[0], stack_of(noisy, 1), 2 * MIB, (double)MIB * MIB);
    add_row(from->profiles[0], stack_of(steady, 1), 9 * MIB, 0); /* moved to another caller */
    add_row(to->profiles[0], stack_of(steady, 2), 9 * MIB, 0);
    add_row(to->profiles[0], stack_of(spawner, 1), 1000, 0); /* under the floor */
    add_threads(to->profiles[1], stack_of(spawner, 1), 30000);
    seal(from);
    seal(to);

    json_t *json = suspects_json(from, to), *list = json_object_get(json, "suspects");
    assert_int_equal(json_array_size(list), 2);
    json_t *first = json_array_get(list, 0), *second = json_array_get(list, 1);
    assert_string_equal(string_of(first, "function"), "spawner");
    assert_string_equal(string_of(first, "resource"), "threads");
    assert_string_equal(string_of(second, "function"), "greedy");
    assert_non_null(strstr(string_of(second, "file"), "test_export_suspects.c"));
    assert_true(json_integer_value(json_object_get(second, "line")) > 0);
    assert_int_equal(json_integer_value(json_object_get(second, "growth")), 3 * MIB);
    assert_int_equal(json_integer_value(json_object_get(second, "from_value")), 1 * MIB);
    assert_int_equal(json_integer_value(json_object_get(second, "to_value")), 4 * MIB);
    assert_true(json_real_value(json_object_get(second, "growth_per_second")) == 0.3 * MIB);
    json_decref(json);
    drop(from);
    drop(to);
}

static void where_no_code_is_the_programs_the_leaf_is_named(void **state)
{
    (void)state;
    struct lp_snapshot *from = new_snapshot(1), *to = new_snapshot(2);
    add_row(to->profiles[0], LP_STACK_EARLIER, 5 * MIB, 0);
    seal(from);
    seal(to);
    json_t *json = suspects_json(from, to);
    assert_string_equal(string_of(json_array_get(json_object_get(json, "suspects"), 0), "function"),
                        lp_stack_special(LP_STACK_EARLIER));
    json_decref(json);
    drop(from);
    drop(to);
}

static void flat_is_said_in_words(void **state)
{
    (void)state;
    struct lp_snapshot *from = new_snapshot(1), *to = new_snapshot(2);
    char *text = NULL;
    size_t size;
    seal(from);
    seal(to);
    FILE *out = open_memstream(&text, &size);
    assert_int_equal(lp_write_suspects_text(out, from, to), 0);
    fclose(out);
    assert_non_null(strstr(text, "flat: no place grew"));
    free(text);
    drop(from);
    drop(to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_true_growth_is_ranked),
        cmocka_unit_test(where_no_code_is_the_programs_the_leaf_is_named),
        cmocka_unit_test(flat_is_said_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
