/* A flame graph tells all it knows in one file, of any size, and no name can break its form. */
#include "unit.h"

#include <errno.h>
#include <gnu/libc-version.h>
#include <unistd.h>

#include "profile/heap.h"
#include "writer.h"
#include "write/xml.h"

enum { BYTES = 3 }; /* of the heap's columns: in use */

static __attribute__((noinline)) uintptr_t here(void)
{
    __asm__ volatile(""); /* or one call would do for both */
    return (uintptr_t)__builtin_return_address(0) - 1;
}

/* Two calls from one function, on two lines. */
static __attribute__((noinline)) void two_lines(uintptr_t at[2])
{
    at[0] = here();
    at[1] = here();
}

static __attribute__((noinline)) void outer(void)
{
    __asm__ volatile("nop; nop; nop");
}

static uint32_t stack_of(uintptr_t leaf)
{
    uintptr_t frames[] = {leaf, (uintptr_t)outer + 1};
    return lp_stack_intern(frames, 2);
}

static struct lp_profile *empty(void)
{
    return lp_profile_new(lp_kind_find("heap"));
}

static char *picture(struct lp_profile *profile, bool by_line, bool by_library)
{
    size_t size;
    lp_profile_seal(profile);
    return viewed(
        lp_write_svg, profile,
        &(struct lp_view){
            .kind = profile->kind, .value = BYTES, .by_line = by_line, .by_library = by_library},
        &size);
}

static void assert_has(const char *text, const char *part)
{
    if (!text || !strstr(text, part))
        fail_msg("no \"%s\" in:\n%s", part, text ? text : "nothing");
}

static size_t count(const char *text, const char *part)
{
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, part)); at++)
        n++;
    return n;
}

static void it_says_what_it_is(void **state)
{
    (void)state;
    struct lp_profile *profile = empty();
    profile->time_ns = INT64_C(1700000000) * 1000000000;
    profile->losses = 1234;
    profile->period = 524288;
    add_row(profile, stack_of((uintptr_t)here + 1), 6400, 1e6);
    char *text = picture(profile, false, false), program[64];
    snprintf(program, sizeof program, "<title>heap · inuse_space · test_write_svg, process %d</",
             (int)getpid());
    assert_has(text, program);
    assert_has(text, "2023-11-14 22:13:20 UTC");
    assert_has(text, "6.25 KiB ± 1000 B</tspan> · sampled once in 512 KiB");
    assert_has(text, "<title>here\n6.25 KiB ± 1000 B, 100 %\n/");
    assert_has(text, "test_write_svg.c:");
    assert_has(text, "data-n=\"6400\" data-e=\"1000\"");
    lp_heap_of(profile)->rates =
        (struct lp_rates){.n = 2, .at = {{0, 1000000}, {4096, 3200000000}}};
    char *mixed = picture(profile, false, false);
    assert_has(mixed, "± 1000 B</tspan> · sampled at mixed rates, ± is one standard error<");
    free(mixed);
    assert_has(text, "left out: 0 frames, 0 B. 1,234 events could not be recorded.");
    free(text);
    lp_profile_free(profile);
}

static void lines_are_apart_when_wanted(void **state)
{
    (void)state;
    uintptr_t at[2];
    size_t size;
    two_lines(at);
    struct lp_profile *profile = empty();
    add_row(profile, stack_of(at[0]), 640, 0);
    add_row(profile, stack_of(at[1]), 6400, 0);
    char *text = picture(profile, false, false);
    assert_int_equal(count(text, "<title>two_lines\n"), 1);
    free(text);
    text = picture(profile, true, false);
    assert_int_equal(count(text, "<title>two_lines (test_write_svg.c:"), 2);
    assert_int_equal(count(text, "<title>outer (test_write_svg.c:"), 1);
    free(text);

    struct lp_view view = {.kind = profile->kind, .value = BYTES};
    text = viewed(lp_write_folded, profile, &view, &size);
    assert_string_equal(text, "outer;two_lines 7040\n");
    free(text);
    view.by_line = true;
    text = viewed(lp_write_folded, profile, &view, &size);
    assert_int_equal(count(text, ";two_lines_(test_write_svg.c:"), 2);
    assert_has(text, ") 640\n");
    assert_has(text, ") 6400\n");
    free(text);
    lp_profile_free(profile);
}

static void libraries_have_colours_and_a_legend(void **state)
{
    (void)state;
    struct lp_profile *profile = empty();
    add_row(profile, stack_of((uintptr_t)gnu_get_libc_version + 1), 7500, 0);
    add_row(profile, stack_of((uintptr_t)here + 1), 2000, 0);
    add_row(profile, LP_STACK_EARLIER, 500, 0);
    char *text = picture(profile, false, true);
    assert_has(text, "class=\"l0\"/><text class=\"key\" x=\"46\" y=\"130\">test_write_svg 20 %<");
    assert_has(text, "class=\"l1\"/><text class=\"key\" x=\"296\" y=\"130\">libc.so.6 75 %<");
    assert_has(text, "class=\"none\"/><text class=\"key\" x=\"546\" y=\"130\">in no file 5 %<");
    assert_int_equal(count(text, "class=\"l0\"/><text x"), 2); /* here and outer */
    assert_int_equal(count(text, "class=\"l1\"/><text x"), 1);
    assert_int_equal(count(text, "class=\"none\"/><text x"), 1);
    assert_has(text, "\nlibc.so.6</title>");
    assert_has(text, "\n500 B, 5 %\n</title>"); /* in no file, on no line */
    free(text);
    lp_profile_free(profile);
}

/* Every paint that is used is there, and shrinking is told not by its colour alone. */
static void change_is_hatched_where_it_shrinks(void **state)
{
    (void)state;
    struct lp_profile *from = empty(), *to = empty();
    add_row(from, stack_of((uintptr_t)here + 1), 6400, 100);
    add_row(to, stack_of((uintptr_t)two_lines + 1), 64000, 0);
    lp_profile_seal(from);
    lp_profile_seal(to);
    struct lp_profile *diff = lp_profile_diff(from, to);
    for (int by_library = 0; by_library < 2; by_library++) {
        char *text = picture(diff, false, by_library), defined[32];
        const char *used = strstr(text, "<title>here\n-6.25 KiB ± 10 B, 9.1 %\n");
        assert_non_null(used);
        used = strstr(used, "fill=\"url(#") + strlen("fill=\"url(#");
        snprintf(defined, sizeof defined, "<pattern id=\"%.*s\"", (int)strcspn(used, ")"), used);
        assert_has(text, defined);
        assert_has(text, by_library ? "id=\"h-l0\"" : "class=\"g4\"/><text x");
        assert_has(text, "all\n+56.2 KiB ± 10 B, 100 % (+62.5 KiB, -6.25 KiB)\n");
        assert_has(text, " data-delta=");
        assert_has(text, "Hatched: shrank.");
        free(text);
    }
    lp_profile_free(diff);
    lp_profile_free(from);
    lp_profile_free(to);
}

/* Leaves that no object has, each a name of its own. */
static uint32_t nameless(uint32_t i, uint32_t depth)
{
    uintptr_t frames[LP_FRAMES_MAX];
    for (uint32_t k = 0; k < depth; k++)
        frames[k] = 0x10000 + 16 * (uintptr_t)(k == 0 ? i : 1000000 + k);
    frames[depth - 1] = (uintptr_t)outer + 1;
    return lp_stack_intern(frames, depth);
}

static void narrow_frames_are_left_out_and_counted(void **state)
{
    (void)state;
    struct lp_profile *profile = empty();
    add_row(profile, stack_of((uintptr_t)here + 1), 64 * 10000, 0);
    for (uint32_t i = 0; i < 2000; i++)
        add_row(profile, nameless(i, 2), 64, 0);
    char *text = picture(profile, false, false);
    assert_has(text, "Frames narrower than 0.1 % are left out: 2,000 frames, 125 KiB.");
    assert_has(text, "<title>[2000 narrower, the biggest 0x10000]\n125 KiB, 16.7 %\n</title>");
    assert_int_equal(count(text, "class=\"f\" data-n"), 4); /* all, outer, here and the rest */
    assert_has(text, "class=\"more\"");
    free(text);
    lp_profile_free(profile);
}

/* Four hundred deep stacks without a common frame: too much for one picture. */
static void a_huge_one_has_a_wider_cut_off(void **state)
{
    (void)state;
    struct lp_profile *profile = empty();
    for (uint32_t i = 0; i < 400; i++) {
        uintptr_t frames[LP_FRAMES_MAX];
        for (uint32_t k = 0; k < LP_FRAMES_MAX; k++)
            frames[k] = 0x10000 + 16 * (uintptr_t)(i * 1000 + k);
        add_row(profile, lp_stack_intern(frames, LP_FRAMES_MAX), 64 * (i + 100), 0);
    }
    char *text = picture(profile, false, false);
    size_t n = count(text, "class=\"f\" data-n");
    if (n > 10000 || n < 5000)
        fail_msg("%zu frames", n);
    assert_has(text, "left out: ");
    assert_null(strstr(text, "narrower than 0.1 %"));
    free(text);
    lp_profile_free(profile);
}

static void no_name_breaks_the_form(void **state)
{
    (void)state;
    char *name = program_invocation_short_name, bad[] = "</text><script>&\"\x01\xff']]>";
    program_invocation_short_name = bad;
    struct lp_profile *profile = empty();
    add_row(profile, LP_STACK_EARLIER, 640, 0);
    char *text = picture(profile, false, false);
    program_invocation_short_name = name;
    assert_null(strstr(text, bad));
    assert_has(text, "&lt;/text&gt;&lt;script&gt;&amp;&quot;??&#39;]]&gt;, process ");
    assert_int_equal(count(text, "<script>"), 1);
    assert_null(strstr(text, "href="));
    assert_null(strstr(text, "src="));
    assert_null(strstr(text, " style="));
    assert_null(strstr(text, " onclick="));
    free(text);
    lp_profile_free(profile);
}

static void text_is_cut_between_letters(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    lp_xml_text(out, "a<€>", 3);
    fclose(out);
    assert_string_equal(text, "a&lt;€");
    assert_int_equal(lp_letters("a<€>"), 4);
    free(text);
}

static void nothing_is_a_picture_too(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct lp_profile *profile = empty();
        char *text = picture(profile, i & 1, i & 2);
        assert_has(text, "nothing here");
        assert_has(text, "Frames narrower than 0.1 % are left out: 0 frames, 0 B.");
        free(text);
        lp_profile_free(profile);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_says_what_it_is),
        cmocka_unit_test(lines_are_apart_when_wanted),
        cmocka_unit_test(libraries_have_colours_and_a_legend),
        cmocka_unit_test(change_is_hatched_where_it_shrinks),
        cmocka_unit_test(narrow_frames_are_left_out_and_counted),
        cmocka_unit_test(a_huge_one_has_a_wider_cut_off),
        cmocka_unit_test(no_name_breaks_the_form),
        cmocka_unit_test(text_is_cut_between_letters),
        cmocka_unit_test(nothing_is_a_picture_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
