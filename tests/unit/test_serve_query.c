/* Claim: a query is taken whole or refused with a sentence that names what was wrong. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "serve/query.h"

static const char *const names[] = {"profile", "from", "bytes", NULL};
static const char *const none[] = {NULL};

static void refused(const char *text, const char *const *allowed, const char *named)
{
    char why[LP_WHY_MAX] = "";
    struct lp_query query;
    assert_int_equal(lp_query_parse(&query, text, allowed, why), -EINVAL);
    assert_non_null(strstr(why, named));
    lp_query_release(&query);
}

static void test_values_are_decoded(void **state)
{
    (void)state;
    char why[LP_WHY_MAX];
    struct lp_query query;
    assert_int_equal(lp_query_parse(&query, "profile=a%26b%3dc+d&from=%C3%A4", names, why), 0);
    assert_string_equal(lp_query_get(&query, "profile"), "a&b=c d");
    assert_string_equal(lp_query_get(&query, "from"), "\xc3\xa4");
    assert_null(lp_query_get(&query, "bytes"));
    lp_query_release(&query);
}

static void test_nothing_given_is_no_error(void **state)
{
    (void)state;
    static const char *const texts[] = {NULL, "", "&", "from=", "from", "&&profile=&"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char why[LP_WHY_MAX];
        struct lp_query query;
        assert_int_equal(lp_query_parse(&query, texts[i], names, why), 0);
        assert_null(lp_query_get(&query, "from"));
        lp_query_release(&query);
    }
}

static void test_repeated_parameter_is_named(void **state)
{
    (void)state;
    refused("from=1&from=2", names, "\"from\" is repeated");
    refused("from=&from=2", names, "\"from\" is repeated");
    refused("from=1&fr%6fm=2", names, "\"from\" is repeated");
}

static void test_unknown_parameter_lists_the_known_ones(void **state)
{
    (void)state;
    refused("form=1", names, "\"form\": this route has profile, from, bytes");
    refused("=1", names, "\"\"");
    refused("a=1", none, "this route has none");
    refused("%01%ff=1", names, "\"??\"");
}

static void test_bad_escapes_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"from=%",   "from=%4", "from=%zz",
                                        "from=%4x", "%=1",     "from=%00"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        refused(texts[i], names, "percent escape");
}

static int number(const char *text, int64_t *out)
{
    char why[LP_WHY_MAX] = "";
    struct lp_query query;
    assert_int_equal(lp_query_parse(&query, text, names, why), 0);
    int given = lp_query_number(&query, "bytes", 0, 1000, out, why);
    if (given < 0)
        assert_non_null(strstr(why, "\"bytes\""));
    lp_query_release(&query);
    return given;
}

static void test_numbers_are_digits_within_bounds(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "bytes=-1",   "bytes=1001", "bytes=abc", "bytes=1k",   "bytes=%201",
        "bytes=%2B1", "bytes=0x1",  "bytes=1.5", "bytes=1%20", "bytes=99999999999999999999"};
    int64_t value = 7;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(number(bad[i], &value), -EINVAL);
    assert_int_equal(number("from=1", &value), 0);
    assert_int_equal(value, 7);
    assert_int_equal(number("bytes=1000", &value), 1);
    assert_int_equal(value, 1000);
    assert_int_equal(number("bytes=0", &value), 1);
    assert_int_equal(value, 0);
}

static void test_long_text_is_shortened(void **state)
{
    (void)state;
    char text[3000], shown[LP_PRINTABLE_MAX];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    assert_int_equal(strlen(lp_printable(shown, text)), LP_PRINTABLE_MAX - 1);
    assert_string_equal(shown + LP_PRINTABLE_MAX - 4, "...");
    refused(text, names, "xxx...");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_are_decoded),
        cmocka_unit_test(test_nothing_given_is_no_error),
        cmocka_unit_test(test_repeated_parameter_is_named),
        cmocka_unit_test(test_unknown_parameter_lists_the_known_ones),
        cmocka_unit_test(test_bad_escapes_are_refused),
        cmocka_unit_test(test_numbers_are_digits_within_bounds),
        cmocka_unit_test(test_long_text_is_shortened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
