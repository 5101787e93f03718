/* Text, folded, JSON, SVG and debug texts show the same stacks, and no name can break their form.
 */
#include "unit.h"

#include <jansson.h>

#include "profile/heap.h"
#include "writer.h"
#include "symbolize/clean.h"
#include "write/human.h"
#include "record/blocks.h"
#include "record/sites.h"

static __attribute__((noinline)) void leaf(void)
{
    __asm__ volatile("nop; nop; nop");
}

static __attribute__((noinline)) void caller(void)
{
    __asm__ volatile("nop; nop; nop");
}

static uint32_t some_stack(void)
{
    uintptr_t frames[] = {(uintptr_t)leaf + 1, (uintptr_t)caller + 1};
    return lp_stack_intern(frames, 2);
}

static struct lp_profile *some_profile(int64_t bytes)
{
    struct lp_profile *profile = lp_profile_new(lp_kind_find("heap"));
    add_row(profile, some_stack(), bytes, 1e6);
    add_row(profile, LP_STACK_EARLIER, 640, 0);
    lp_profile_seal(profile);
    return profile;
}

static void assert_has(const char *text, const char *part)
{
    if (!text || !strstr(text, part))
        fail_msg("no \"%s\" in:\n%s", part, text ? text : "nothing");
}

static void folded_goes_from_root_to_leaf(void **state)
{
    (void)state;
    size_t size;
    struct lp_profile *profile = some_profile(6400);
    char *text = written(lp_write_folded, profile, 3, &size);
    assert_has(text, "caller;leaf 6400\n");
    assert_has(text, " 640\n");
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        assert_ptr_equal(strchr(line, ' '), strrchr(line, ' '));
    free(text);
    lp_profile_free(profile);
}

static void a_delta_has_signs_everywhere(void **state)
{
    (void)state;
    size_t size;
    struct lp_profile *from = some_profile(6400), *to = some_profile(640);
    struct lp_profile *diff = lp_profile_diff(from, to);
    char *text = written(lp_write_folded, diff, 3, &size);
    assert_string_equal(text, "caller;leaf -5760\n");
    free(text);
    text = written(lp_write_text, diff, 3, &size);
    assert_has(text, "-5.62 KiB");
    free(text);
    text = written(lp_write_svg, diff, 3, &size);
    assert_has(text, "shrank");
    assert_has(text, "-5.62 KiB");
    free(text);
    lp_profile_free(diff);
    lp_profile_free(from);
    lp_profile_free(to);
}

static void text_tells_line_and_error(void **state)
{
    (void)state;
    size_t size;
    struct lp_profile *profile = some_profile(6400);
    profile->losses = 5;
    char *text = written(lp_write_text, profile, 3, &size);
    assert_has(text, "leaf  /");
    assert_has(text, "test_write_text.c:");
    assert_has(text, "± 1000 B");
    assert_has(text, "# losses: 5");
    free(text);
    lp_profile_free(profile);
}

/* Of two blocks at some_stack(), two minutes and five hours old; the old one stands for 9. */
static struct lp_ages *some_ages(void)
{
    static const uint32_t births[] = {0, 1800000 - 12000};
    uint32_t site = lp_site_get(some_stack(), 64);
    struct lp_ages_taking *taking = lp_ages_begin(lp_site_count(), 1800000);
    struct lp_block block = {.size = 64, .site = site}, out;
    lp_ages_expect(taking, site, some_stack(), 100);
    for (uintptr_t i = 0; i < 2; i++) {
        block.address = 0x7000 + i * 0x1000;
        block.birth = births[i];
        block.weight = i == 0 ? 9 : 1;
        lp_block_insert(&block);
    }
    struct lp_ages *ages = lp_ages_end(taking);
    for (uintptr_t i = 0; i < 2; i++)
        lp_block_remove(0x7000 + i * 0x1000, &out);
    return ages;
}

static void ages_stand_beside_the_stacks(void **state)
{
    (void)state;
    size_t size;
    struct lp_profile *profile = some_profile(6400);
    lp_heap_of(profile)->ages = some_ages();
    char *text = written(lp_write_text, profile, 3, &size);
    assert_has(text, "    oldest    median  function");
    assert_has(text, "     5.0 h     4.7 h  leaf ");
    assert_has(text, "     5.0 h     4.7 h  caller ");
    assert_has(text, "         -         -  [made before");
    free(text);
    text = debugged(profile, 1, &size);
    assert_has(text, "\n# survivors of this stack: oldest 5.0 h, median 4.7 h\n#\t0x");
    free(text);
    text = written(lp_write_json, profile, 3, &size);
    assert_has(text, "\"survivors\":{\"oldest_ns\":18000000000000,\"median_ns\":17039360000000}");
    free(text);
    lp_profile_free(profile);
}

/* 6400 bytes kept by one stack, 64000 allocated and freed at another. */
static void churn_is_told_from_growth(void **state)
{
    (void)state;
    size_t size;
    uintptr_t frames[] = {(uintptr_t)caller + 1};
    struct lp_profile *from = some_profile(0), *to = some_profile(6400);
    struct lp_row *row = lp_profile_row(to);
    row->stack = lp_stack_intern(frames, 1);
    row->value[LP_ALLOC_OBJECTS] = 1000;
    row->value[LP_ALLOC_BYTES] = 64000;
    row->variance[LP_ALLOC_BYTES] = 9;
    lp_profile_seal(to);
    struct lp_profile *diff = lp_profile_diff(from, to);

    char *text = written(lp_write_text, diff, LP_INUSE_BYTES, &size);
    assert_has(text, "   allocated       freed  function");
    assert_has(text, "  6.25 KiB         0 B  leaf ");
    assert_has(text, "  68.8 KiB    62.5 KiB  caller ");
    free(text);
    text = written(lp_write_text, diff, LP_INUSE_OBJECTS, &size);
    assert_has(text, "       1,100       1,000  caller ");
    free(text);
    text = written(lp_write_json, diff, 0, &size);
    json_t *json = json_loadb(text, size, 0, NULL);
    json_t *samples = json_object_get(json, "samples");
    json_t *kept = json_object_get(json_array_get(samples, 0), "window"),
           *churn = json_object_get(json_array_get(samples, 1), "window");
    assert_int_equal(json_integer_value(json_object_get(kept, "allocated_bytes")), 6400);
    assert_int_equal(json_integer_value(json_object_get(kept, "freed_bytes")), 0);
    assert_int_equal(json_integer_value(json_object_get(churn, "allocated_objects")), 1000);
    assert_int_equal(json_integer_value(json_object_get(churn, "freed_objects")), 1000);
    assert_int_equal(json_integer_value(json_object_get(churn, "freed_bytes")), 64000);
    assert_true(json_real_value(json_object_get(churn, "freed_bytes_error")) == 3);
    json_decref(json);
    free(text);
    text = written(lp_write_text, to, LP_INUSE_BYTES, &size);
    assert_null(strstr(text, "allocated"));
    free(text);
    lp_profile_free(diff);
    lp_profile_free(from);
    lp_profile_free(to);
}

static void the_profilers_own_weight_stands_at_the_end(void **state)
{
    (void)state;
    size_t size;
    struct lp_profile *profile = some_profile(6400), *none = some_profile(0);
    lp_heap_of(profile)->footprint =
        (struct lp_footprint){.taken = true,
                              .tables = {[LP_OWN_SITES] = 4096, [LP_OWN_FDS] = 100},
                              .unwinder = 262144,
                              .heap = 7,
                              .live_samples = 11,
                              .losses = {[LP_LOSS_FORKING] = 13},
                              .spent = {.ns = 6400, .timed = 2}};
    char *text = debugged(profile, 1, &size);
    assert_has(text, "\n# leakprof\n# table_bytes = 266340\n# unwinder_bytes = 262144\n");
    assert_has(text, "\n# hook_ns_estimate = 6400\n# hook_events_timed = 2\n");
    assert_has(text, "\n# tables.sites = 4096\n");
    assert_has(text, "\n# losses_by_cause.forking = 13\n");
    free(text);
    text = written(lp_write_json, profile, 0, &size);
    json_t *json = json_loadb(text, size, 0, NULL), *own = json_object_get(json, "profiler");
    assert_int_equal(json_integer_value(json_object_get(own, "table_bytes")), 266340);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(own, "tables"), "sites")),
                     4096);
    assert_int_equal(json_integer_value(json_object_get(own, "live_samples")), 11);
    json_decref(json);
    free(text);
    struct lp_profile *diff = lp_profile_diff(none, profile);
    text = written(lp_write_json, diff, 0, &size);
    assert_null(strstr(text, "profiler"));
    free(text);
    lp_profile_free(diff);
    lp_profile_free(none);
    lp_profile_free(profile);
}

static void mixed_rates_are_told(void **state)
{
    (void)state;
    size_t size;
    struct lp_profile *profile = some_profile(6400), *none = some_profile(640);
    lp_heap_of(profile)->rates =
        (struct lp_rates){.n = 2, .dropped = 5, .at = {{0, 1000000}, {4096, 3200000000}}};
    struct lp_profile *diff = lp_profile_diff(none, profile);
    static const char said[] = "# rates mixed: 5 earlier ones, 0 (off) from 1 ms, 4096 bytes from "
                               "3.20 s after the start\n";
    char *text = written(lp_write_text, profile, 3, &size);
    assert_has(text, said);
    assert_has(text, "sampled at mixed rates, ±");
    free(text);
    text = written(lp_write_text, diff, 3, &size);
    assert_has(text, said);
    free(text);
    text = debugged(profile, 1, &size);
    assert_has(text, said);
    assert_has(text, "# sampled at mixed rates; figures are estimates:\n");
    free(text);

    text = written(lp_write_json, profile, 0, &size);
    assert_has(text, "\"rates\":[{\"bytes\":0,\"since_ns\":1000000},"
                     "{\"bytes\":4096,\"since_ns\":3200000000}],\"rates_mixed\":true,"
                     "\"rates_dropped\":5");
    free(text);
    text = written(lp_write_text, none, 3, &size);
    assert_null(strstr(text, "mixed"));
    free(text);
    lp_profile_free(profile);
    lp_profile_free(none);
    lp_profile_free(diff);
}

static void json_can_be_read(void **state)
{
    (void)state;
    size_t size;
    struct lp_profile *profile = some_profile(6400);
    char *text = written(lp_write_json, profile, 0, &size);
    json_t *json = json_loadb(text, size, 0, NULL);
    assert_non_null(json);
    assert_int_equal(json_array_size(json_object_get(json, "samples")), 2);
    json_t *sample = json_array_get(json_object_get(json, "samples"), 1);
    assert_int_equal(json_integer_value(json_array_get(json_object_get(sample, "values"), 3)),
                     6400);
    json_t *frame = json_array_get(json_object_get(sample, "stack"), 0);
    assert_string_equal(json_string_value(json_object_get(frame, "function")), "leaf");
    json_decref(json);
    free(text);
    lp_profile_free(profile);
}

static void items_are_shown_one_by_one_whatever_they_are_called(void **state)
{
    (void)state;
    size_t size;
    struct lp_profile *profile = lp_profile_new(lp_kind_find("threads"));
    struct lp_item *item = lp_profile_item(profile);
    item->id = 4711;
    item->stack = some_stack();
    item->name = lp_profile_text(profile, "a\n\"b\xff");
    item->state = lp_profile_text(profile, "sleeping");
    item->age_ns = item->state_ns = -1;
    lp_profile_seal(profile);

    char *text = debugged(profile, 2, &size);
    assert_has(text, "thread 4711 [sleeping] \"a?\"b?\":\nleaf(...)\n\t/");
    free(text);
    text = written(lp_write_json, profile, 0, &size);
    json_t *json = json_loadb(text, size, 0, NULL);
    assert_non_null(json);
    assert_int_equal(json_array_size(json_object_get(json, "items")), 1);
    json_decref(json);
    free(text);
    lp_profile_free(profile);
}

static void debug_1_has_gos_first_line(void **state)
{
    (void)state;
    size_t size;
    struct lp_profile *profile = some_profile(6400);
    char *text = debugged(profile, 1, &size);
    assert_has(text, "heap profile: 110: 7040 [110: 7040] @ heap/2\n");
    assert_has(text, "100: 6400 [100: 6400] @ 0x");
    assert_has(text, "\tleaf+0x1\t/");
    free(text);
    lp_profile_free(profile);
}

static void svg_is_whole_and_closed(void **state)
{
    (void)state;
    size_t size;
    struct lp_profile *profile = some_profile(6400);
    char *text = written(lp_write_svg, profile, 3, &size);
    assert_memory_equal(text, "<?xml", 5);
    assert_string_equal(text + size - 7, "</svg>\n");
    assert_has(text, "<title>leaf\n6.25 KiB ± 1000 B, 90.9 %\n/");
    assert_null(strstr(text, "http://localhost"));
    assert_null(strstr(text, "src="));
    assert_null(strstr(text, "href="));
    free(text);
    lp_profile_free(profile);
}

static void nothing_can_be_written_too(void **state)
{
    (void)state;
    for (const struct lp_writer *writer = lp_writers; writer->name; writer++) {
        size_t size;
        struct lp_profile *profile = lp_profile_new(lp_kind_find("fds"));
        lp_profile_seal(profile);
        char *text = written(writer->write, profile, 0, &size);
        free(text);
        lp_profile_free(profile);
        assert_ptr_equal(lp_writer_find(writer->name), writer);
    }
    assert_null(lp_writer_find("flame"));
}

static void figures_are_for_people(void **state)
{
    (void)state;
    char text[LP_HUMAN_MAX];
    assert_string_equal(lp_human(text, 0, "bytes", true), "0 B");
    assert_string_equal(lp_human(text, 1536, "bytes", true), "+1.50 KiB");
    assert_string_equal(lp_human(text, 1024 * 1024 - 1, "bytes", false), "1 MiB");
    assert_string_equal(lp_human(text, INT64_MIN, "bytes", false), "-8 EiB");
    assert_string_equal(lp_human(text, -1234567, "count", false), "-1,234,567");
    assert_string_equal(lp_human(text, 3200000000, "nanoseconds", false), "3.20 s");
    assert_string_equal(lp_human_age(text, 90000000000), "90 s");
    assert_string_equal(lp_human_age(text, 0), "<10 ms");
    assert_string_equal(lp_human_age(text, 150000000000), "2.5 min");
    assert_string_equal(lp_human_age(text, 3 * INT64_C(86400000000000)), "3.0 days");
}

static void unclean_text_is_cleaned(void **state)
{
    (void)state;
    char bad[] = "a\x01\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80 \xe2\x82\xac \xe2\x82";
    lp_clean(bad);
    assert_string_equal(bad, "a?????????? € ??");
    /* controls of C1, directions, lines, what is no character, and tags */
    static const char *const unfit[] = {
        "\xc2\x80",     "\xc2\x9b",     "\xc2\x9f",   "\u061c",     "\u200f",    "\u202e",
        "\u2066",       "\u2069",       "\u2028",     "\ufdd0",     "\ufdef",    "\ufeff",
        "\xef\xbf\xbe", "\xef\xbf\xbf", "\U0001fffe", "\U0010ffff", "\U000e0041"};
    for (size_t i = 0; i < sizeof unfit / sizeof *unfit; i++)
        assert_int_equal(lp_clean_length(unfit[i]), 0);
    static const char *const good[] = {" ",      "~",      "\u00a0", "\u00e9",     "\u200d",
                                       "\u0633", "\ufdcf", "\ufdf0", "\U0001f600", "\U0010fffd"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(lp_clean_length(good[i]), strlen(good[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folded_goes_from_root_to_leaf),
        cmocka_unit_test(a_delta_has_signs_everywhere),
        cmocka_unit_test(text_tells_line_and_error),
        cmocka_unit_test(ages_stand_beside_the_stacks),
        cmocka_unit_test(churn_is_told_from_growth),
        cmocka_unit_test(the_profilers_own_weight_stands_at_the_end),
        cmocka_unit_test(mixed_rates_are_told),
        cmocka_unit_test(json_can_be_read),
        cmocka_unit_test(items_are_shown_one_by_one_whatever_they_are_called),
        cmocka_unit_test(debug_1_has_gos_first_line),
        cmocka_unit_test(svg_is_whole_and_closed),
        cmocka_unit_test(nothing_can_be_written_too),
        cmocka_unit_test(figures_are_for_people),
        cmocka_unit_test(unclean_text_is_cleaned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
