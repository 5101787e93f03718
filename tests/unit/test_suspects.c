/* What grew is ranked by what would run out first; noise, small change and moved work are no
 * suspects. */
#include "unit.h"

#include <jansson.h>
#include <string.h>

#include "profile/heap.h"
#include "writer.h"
#include "write/suspects.h"
#include "record/blocks.h"
#include "record/sites.h"
#include "sys/clock.h"

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
PLACE(saver)

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
    struct lp_snapshot *snapshot = calloc(1, sizeof(*snapshot));
    snapshot->id = id;
    snapshot->uptime_ns = id * 10000000000;
    for (int i = 0; i < LP_SNAPSHOT_PROFILES; i++)
        snapshot->profiles[i] = lp_profile_new(lp_snapshot_kinds[i]);
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
    const struct lp_series series = {2, {from, to}};
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_int_equal(lp_write_suspects_json(out, &series), 0);
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
    add_row(to->profiles[0], stack_of(spawner, 1), 1000, 0); /* little, but fifteen blocks */
    add_row(to->profiles[0], stack_of(saver, 1), 128, 0);    /* two blocks may be chance */
    add_threads(to->profiles[1], stack_of(spawner, 1), 30000);
    seal(from);
    seal(to);

    json_t *json = suspects_json(from, to), *list = json_object_get(json, "suspects");
    assert_int_equal(json_array_size(list), 3);
    json_t *first = json_array_get(list, 0), *second = json_array_get(list, 1),
           *little = json_object_get(json, "little");
    assert_string_equal(string_of(json_array_get(list, 2), "function"), "spawner");
    assert_string_equal(string_of(json_array_get(list, 2), "resource"), "heap");
    assert_int_equal(json_array_size(little), 2);
    assert_string_equal(string_of(json_array_get(little, 0), "function"), "noisy");
    assert_string_equal(string_of(json_array_get(little, 1), "function"), "saver");
    assert_string_equal(string_of(first, "function"), "spawner");
    assert_string_equal(string_of(first, "resource"), "threads");
    assert_string_equal(string_of(second, "function"), "greedy");
    assert_non_null(strstr(string_of(second, "file"), "test_suspects.c"));
    assert_true(json_integer_value(json_object_get(second, "line")) > 0);
    assert_int_equal(json_integer_value(json_object_get(second, "growth")), 3 * MIB);
    assert_int_equal(json_integer_value(json_object_get(second, "from_value")), 1 * MIB);
    assert_int_equal(json_integer_value(json_object_get(second, "to_value")), 4 * MIB);
    assert_true(json_real_value(json_object_get(second, "growth_per_second")) == 0.3 * MIB);
    json_decref(json);
    drop(from);
    drop(to);
}

static void add_unjoined(struct lp_snapshot *snapshot, const char *state, int64_t n)
{
    struct lp_row *row = lp_profile_row(snapshot->profiles[2]);
    row->stack = stack_of(spawner, 1);
    row->label_text = state;
    row->value[0] = n;
}

/* One stack creates threads in several states: each state is a row. */
static void rows_of_one_stack_are_told_apart_by_their_label(void **state)
{
    (void)state;
    struct lp_snapshot *from = new_snapshot(1), *to = new_snapshot(2);
    assert_string_equal(from->profiles[2]->kind->name, "threadcreate");
    add_unjoined(from, "detached", 900);
    add_unjoined(from, "exited, not joined", 3);
    add_unjoined(to, "detached", 1000);
    add_unjoined(to, "exited, not joined", 4);
    seal(from);
    seal(to);

    json_t *json = suspects_json(from, to), *little = json_object_get(json, "little");
    assert_int_equal(json_array_size(json_object_get(json, "suspects")), 0);
    assert_int_equal(json_array_size(little), 1); /* one more, not a hundred */
    json_t *only = json_array_get(little, 0);
    assert_string_equal(string_of(only, "resource"), "unjoined");
    assert_true(json_real_value(json_object_get(only, "growth_low")) == 1);
    assert_true(json_real_value(json_object_get(only, "growth_high")) == 1);
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

static void allocate(struct lp_snapshot *snapshot, uint32_t stack, int64_t allocated, int64_t freed)
{
    struct lp_row *row = lp_profile_row(snapshot->profiles[0]);
    row->stack = stack;
    row->label_num = 1000;
    row->value[LP_ALLOC_BYTES] = allocated;
    row->value[LP_INUSE_BYTES] = allocated - freed;
}

static const char *written_text(const struct lp_snapshot *from, const struct lp_snapshot *to)
{
    const struct lp_series series = {2, {from, to}};
    static char text[1 << 14];
    FILE *out = fmemopen(text, sizeof(text), "w");
    assert_int_equal(lp_write_suspects_text(out, &series), 0);
    fclose(out);
    return text;
}

static void busy_places_are_named_and_no_suspects(void **state)
{
    (void)state;
    struct lp_snapshot *from = new_snapshot(1), *to = new_snapshot(2);
    allocate(from, stack_of(noisy, 1), 50 * MIB, 49 * MIB);
    allocate(to, stack_of(noisy, 1), 150 * MIB, 149 * MIB);
    allocate(to, stack_of(noisy, 2), 1 * MIB, 1 * MIB);
    allocate(to, stack_of(steady, 1), 200 * MIB, 200 * MIB);
    allocate(to, stack_of(greedy, 1), 40 * MIB, 39 * MIB);       /* busy, and leaking */
    allocate(to, stack_of(spawner, 1), MIB / 2, MIB / 2);        /* not busy enough to be named */
    allocate(to, stack_of(saver, 1), 90 * MIB, 90 * MIB - 3000); /* busy, and three blocks more */
    seal(from);
    seal(to);

    json_t *json = suspects_json(from, to), *list = json_object_get(json, "suspects"),
           *churn = json_object_get(json, "churn");
    assert_int_equal(json_array_size(list), 1);
    json_t *first = json_array_get(list, 0);
    assert_string_equal(string_of(first, "function"), "greedy");
    assert_int_equal(json_integer_value(json_object_get(first, "allocated")), 40 * MIB);
    assert_int_equal(json_integer_value(json_object_get(first, "freed")), 39 * MIB);
    assert_int_equal(json_array_size(churn), 2);
    assert_string_equal(string_of(json_array_get(churn, 0), "function"), "steady");
    json_t *second = json_array_get(churn, 1);
    assert_string_equal(string_of(second, "function"), "noisy");
    assert_int_equal(json_integer_value(json_object_get(second, "allocated")), 101 * MIB);
    assert_int_equal(json_integer_value(json_object_get(second, "freed")), 101 * MIB);
    assert_int_equal(json_integer_value(json_object_get(second, "growth")), 0);
    assert_string_equal(string_of(json_array_get(json_object_get(second, "stack"), 0), "function"),
                        "noisy");
    json_decref(json);

    const char *text = written_text(from, to), *busy = strstr(text, "busy but not growing");
    assert_non_null(busy);
    assert_true(strstr(text, "greedy") < busy);
    assert_true(strstr(text, "steady") > busy && strstr(text, "noisy") > strstr(text, "steady"));
    assert_null(strstr(text, "spawner"));
    const char *little = strstr(text, "grew, but too little or in too few steps to judge");
    assert_true(little && strstr(little, "saver") < busy); /* what grew is not called steady */
    assert_null(strstr(busy, "saver"));
    drop(from);
    drop(to);
}

/* Blocks of a place that are alive in the second snapshot, by their births in seconds. */
static void live(uint32_t stack, int n, const double *births)
{
    static uintptr_t address = 0x1000;
    for (int i = 0; i < n; i++, address += 0x1000) {
        struct lp_block block = {.address = address,
                                 .size = 64,
                                 .site = lp_site_get(stack, 64),
                                 .birth = (uint32_t)(births[i] * 1e9 / LP_TICK_NS),
                                 .weight = 1};
        assert_int_equal(lp_block_insert(&block), 0);
    }
}

static struct lp_ages *ages_of(const uint32_t *stacks, int n)
{
    struct lp_ages_taking *taking =
        lp_ages_begin(lp_site_count(), (uint32_t)(20000000000 / LP_TICK_NS));
    for (int i = 0; i < n; i++)
        lp_ages_expect(taking, lp_site_get(stacks[i], 64), stacks[i], 100);
    return lp_ages_end(taking);
}

/* Both hold a MiB more than before, of a hundred that they allocated between 10 s and 20 s. One is
 * at work just now, and holds something from long before besides; the other keeps one now and then.
 */
static void work_under_way_is_no_suspect_and_a_slow_leak_is(void **state)
{
    (void)state;
    struct lp_snapshot *from = new_snapshot(1), *to = new_snapshot(2);
    const uint32_t working = stack_of(noisy, 1), leaking = stack_of(greedy, 1);
    live(working, 4, (double[]){2, 19.97, 19.98, 19.99});
    live(leaking, 5, (double[]){2, 12, 14, 19.98, 19.99});
    allocate(to, working, 100 * MIB, 99 * MIB);
    allocate(to, leaking, 100 * MIB, 99 * MIB);
    seal(from);
    seal(to);

    json_t *json = suspects_json(from, to);
    assert_int_equal(json_array_size(json_object_get(json, "suspects")), 2); /* ages unknown */
    json_decref(json);

    lp_heap_of(to->profiles[0])->ages = ages_of((uint32_t[]){working, leaking}, 2);
    json = suspects_json(from, to);
    json_t *list = json_object_get(json, "suspects"), *churn = json_object_get(json, "churn");
    assert_int_equal(json_array_size(list), 1);
    assert_string_equal(string_of(json_array_get(list, 0), "function"), "greedy");
    json_t *survivors = json_object_get(json_array_get(list, 0), "survivors");
    assert_int_equal(json_integer_value(json_object_get(survivors, "oldest_ns")), 18000000000);
    assert_in_range(json_integer_value(json_object_get(survivors, "median_ns")), 5250000000,
                    6750000000);
    assert_int_equal(json_array_size(churn), 1);
    assert_string_equal(string_of(json_array_get(churn, 0), "function"), "noisy");
    assert_true(json_is_true(json_object_get(json_array_get(churn, 0), "in_flight")));
    json_decref(json);
    const char *text = written_text(from, to);
    assert_non_null(strstr(text, "18 s      5.76 s"));
    assert_null(strstr(text, "busy but not growing")); /* it has a MiB more */
    assert_non_null(strstr(strstr(text, "busy when the last snapshot was taken"), "noisy"));
    drop(from);
    drop(to);
}

/* A block of a third of the heap may be made once. It is no leak yet, but it is what grew. */
static void a_large_block_is_listed(void **state)
{
    (void)state;
    struct lp_snapshot *from = new_snapshot(1), *to = new_snapshot(2);
    allocate(from, stack_of(steady, 1), 60 * MIB, 0);
    allocate(to, stack_of(steady, 1), 60 * MIB, 0);
    struct lp_row *row = lp_profile_row(to->profiles[0]);
    row->stack = stack_of(greedy, 1);
    row->label_num = row->value[LP_ALLOC_BYTES] = row->value[LP_INUSE_BYTES] = 30 * MIB;
    seal(from);
    seal(to);

    json_t *json = suspects_json(from, to), *list = json_object_get(json, "suspects");
    assert_int_equal(json_array_size(list), 1);
    assert_string_equal(string_of(json_array_get(list, 0), "function"), "greedy");
    assert_string_equal(string_of(json_array_get(list, 0), "verdict"), "too early to say");
    json_decref(json);
    drop(from);
    drop(to);
}

static void flat_is_said_in_words(void **state)
{
    (void)state;
    struct lp_snapshot *from = new_snapshot(1), *to = new_snapshot(2);
    seal(from);
    seal(to);
    assert_non_null(strstr(written_text(from, to),
                           "flat: no place grew. Every allocation was recorded: steady growth by 5 "
                           "blocks at one place would be a suspect."));
    lp_heap_of(to->profiles[0])->rates = (struct lp_rates){.n = 1, .at = {{.bytes = 512 << 10}}};
    assert_non_null(
        strstr(written_text(from, to),
               "flat: no place grew. Growth above 1.50 MiB at one place would have been "
               "seen, and steady growth above 4.58 MiB would be a suspect, with 95 % "
               "confidence."));
    lp_heap_of(to->profiles[0])->rates =
        (struct lp_rates){.n = 2, .at = {{.bytes = 1}, {.bytes = 0, .since_ns = 14000000000}}};
    assert_non_null(strstr(written_text(from, to),
                           "For 6.0 of the 10.0 seconds the sampling rate was 0, so heap growth "
                           "was not seen: repeat it with a rate"));
    drop(from);
    drop(to);
}

/* The coarsest rate that was in force in the window counts. */
static void the_limit_is_that_of_the_rates_in_the_window(void **state)
{
    (void)state;
    struct lp_snapshot *from = new_snapshot(1), *to = new_snapshot(2); /* at 10 s and 20 s */
    struct lp_rates *rates = &lp_heap_of(to->profiles[0])->rates;
    seal(from);
    seal(to);
    *rates = (struct lp_rates){.n = 2, .at = {{.bytes = 512 << 10}, {1, 9000000000}}};
    assert_non_null(strstr(written_text(from, to), "Every allocation was recorded"));
    *rates = (struct lp_rates){.n = 2, .at = {{.bytes = 512 << 10}, {1, 11000000000}}};
    assert_non_null(strstr(written_text(from, to), "Growth above 1.50 MiB"));
    *rates = (struct lp_rates){.n = 2, .at = {{.bytes = 1}, {512 << 10, 19000000000}}};
    assert_non_null(strstr(written_text(from, to), "Growth above 1.50 MiB"));
    *rates = (struct lp_rates){.n = 2, .at = {{.bytes = 1}, {512 << 10, 21000000000}}};
    assert_non_null(strstr(written_text(from, to), "Every allocation was recorded"));
    drop(from);
    drop(to);
}

/* A row of blocks of 64 bytes, of which so many samples were taken at 512 KiB. */
static void sample(struct lp_snapshot *snapshot, uint32_t stack, int samples, int freed)
{
    struct lp_row *row = lp_profile_row(snapshot->profiles[0]);
    double p = 64.0 / (512 << 10), variance = (1 - p) * 64 * 64 / (p * p);
    row->stack = stack;
    row->label_num = 64;
    row->value[LP_ALLOC_BYTES] = (int64_t)(samples * 64 / p);
    row->variance[LP_ALLOC_BYTES] = samples * variance;
    row->value[LP_INUSE_BYTES] = (int64_t)((samples - freed) * 64 / p);
    row->variance[LP_INUSE_BYTES] = (samples - freed) * variance;
}

static uint32_t stack_through(void (*place)(void), void (*caller)(void))
{
    uintptr_t frames[] = {(uintptr_t)place + 1, (uintptr_t)caller + 1, (uintptr_t)stack_of + 1};
    return lp_stack_intern(frames, 3);
}

/* A line allocates for two callers: one returns what it gets, the other keeps it. */
static void the_caller_that_keeps_is_named(void **state)
{
    (void)state;
    struct lp_snapshot *from = new_snapshot(1), *to = new_snapshot(2);
    lp_heap_of(to->profiles[0])->rates = (struct lp_rates){.n = 1, .at = {{.bytes = 512 << 10}}};
    sample(from, stack_through(steady, saver), 300, 0);
    sample(to, stack_through(steady, saver), 600, 295);
    sample(to, stack_through(steady, greedy), 20, 0);
    seal(from);
    seal(to);

    json_t *json = suspects_json(from, to), *list = json_object_get(json, "suspects");
    assert_int_equal(json_array_size(list), 1);
    json_t *first = json_array_get(list, 0);
    assert_string_equal(string_of(first, "function"), "greedy");
    assert_true(json_is_true(json_object_get(first, "caller")));
    assert_int_equal(json_integer_value(json_object_get(first, "growth")), 20 * (512 << 10));
    double low = json_real_value(json_object_get(first, "growth_low")),
           high = json_real_value(json_object_get(first, "growth_high"));
    assert_true(low > 5 * MIB && low < 6 * MIB && high > 15 * MIB && high < 17 * MIB);
    json_decref(json);
    drop(from);
    drop(to);
}

/* Three lines below one function, none of which grew for certain. */
static void the_function_above_is_named(void **state)
{
    (void)state;
    struct lp_snapshot *from = new_snapshot(1), *to = new_snapshot(2);
    void (*const places[])(void) = {noisy, steady, spawner};
    lp_heap_of(to->profiles[0])->rates = (struct lp_rates){.n = 1, .at = {{.bytes = 512 << 10}}};
    for (int i = 0; i < 3; i++) {
        sample(from, stack_through(places[i], greedy), 5, 0);
        sample(to, stack_through(places[i], greedy), 5 + 12, 3);
    }
    sample(from, stack_through(noisy, saver), 40, 0);
    sample(to, stack_through(noisy, saver), 80, 41);
    seal(from);
    seal(to);

    json_t *json = suspects_json(from, to), *list = json_object_get(json, "suspects");
    assert_int_equal(json_array_size(list), 1);
    assert_string_equal(string_of(json_array_get(list, 0), "function"), "greedy");
    assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 0), "growth")),
                     27 * (512 << 10));
    json_decref(json);
    drop(from);
    drop(to);
}

/* Listed because it is large: there is no pace at which it would reach anything. */
static void unused_memory_that_stands_still_has_no_pace(void **state)
{
    (void)state;
    struct lp_snapshot *from = new_snapshot(1), *to = new_snapshot(2);
    allocate(from, stack_of(noisy, 1), 50 * MIB, 50 * MIB);
    allocate(to, stack_of(noisy, 1), 150 * MIB, 150 * MIB);
    from->unused.bytes = to->unused.bytes = 64 * MIB;
    seal(from);
    seal(to);

    json_t *json = suspects_json(from, to);
    json_t *unused = json_array_get(json_object_get(json, "suspects"), 0);
    assert_string_equal(string_of(unused, "resource"), "unused");
    assert_int_equal(json_integer_value(json_object_get(unused, "growth")), 0);
    assert_int_equal(strncmp(string_of(unused, "pace"), "the limit is ", 13), 0);
    json_decref(json);
    assert_null(strstr(written_text(from, to), "inf"));
    drop(from);
    drop(to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_true_growth_is_ranked),
        cmocka_unit_test(rows_of_one_stack_are_told_apart_by_their_label),
        cmocka_unit_test(where_no_code_is_the_programs_the_leaf_is_named),
        cmocka_unit_test(busy_places_are_named_and_no_suspects),
        cmocka_unit_test(work_under_way_is_no_suspect_and_a_slow_leak_is),
        cmocka_unit_test(a_large_block_is_listed),
        cmocka_unit_test(flat_is_said_in_words),
        cmocka_unit_test(the_limit_is_that_of_the_rates_in_the_window),
        cmocka_unit_test(the_caller_that_keeps_is_named),
        cmocka_unit_test(the_function_above_is_named),
        cmocka_unit_test(unused_memory_that_stands_still_has_no_pace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
