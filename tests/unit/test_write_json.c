/* The JSON writer: what another parser reads is what was written, and mistakes are errors. */
#include <errno.h>
#include <float.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "write/jsonout.h"
#include "unit.h"

static struct lp_json json;
static char *text;
static size_t size;

static void begin(int indent)
{
    json = (struct lp_json){.out = open_memstream(&text, &size), .indent = indent};
    assert_non_null(json.out);
}

/* The error; the text stays until free(). */
static int end(void)
{
    int error = lp_json_finish(&json);
    assert_int_equal(fclose(json.out), 0);
    return error;
}

static void expect(const char *expected)
{
    assert_int_equal(end(), 0);
    assert_string_equal(text, expected);
    free(text);
}

static void write_some(void)
{
    lp_json_object(&json, NULL);
    lp_json_int(&json, "one", 1);
    lp_json_array(&json, "empty");
    lp_json_end(&json);
    lp_json_array(&json, "list");
    lp_json_bool(&json, NULL, true);
    lp_json_bool(&json, NULL, false);
    lp_json_null(&json, NULL);
    lp_json_object(&json, NULL);
    lp_json_text(&json, "a", "b");
    lp_json_end(&json);
    lp_json_end(&json);
    lp_json_real(&json, "half", 0.5);
    lp_json_end(&json);
}

static void commas_and_lines_are_where_they_belong(void **state)
{
    (void)state;
    begin(0);
    write_some();
    expect("{\"one\":1,\"empty\":[],\"list\":[true,false,null,{\"a\":\"b\"}],\"half\":0.5}");
    begin(2);
    write_some();
    expect("{\n  \"one\": 1,\n  \"empty\": [],\n  \"list\": [\n    true,\n    false,\n    null,\n"
           "    {\n      \"a\": \"b\"\n    }\n  ],\n  \"half\": 0.5\n}");
    begin(0);
    lp_json_array(&json, NULL);
    for (int i = 0; i < 3; i++) {
        lp_json_line(&json);
        lp_json_int(&json, NULL, i);
    }
    lp_json_end(&json);
    expect("[\n0,\n1,\n2]");
}

/* The only element of an array, as another parser reads it. */
static json_t *read_back(void)
{
    assert_int_equal(end(), 0);
    json_t *list = json_loadb(text, size, 0, NULL);
    assert_non_null(list);
    json_t *element = json_incref(json_array_get(list, 0));
    json_decref(list);
    free(text);
    return element;
}

static void assert_text(const char *written, const char *expected)
{
    begin(0);
    lp_json_array(&json, NULL);
    lp_json_text(&json, NULL, written);
    lp_json_end(&json);
    json_t *read = read_back();
    assert_string_equal(json_string_value(read), expected);
    json_decref(read);
}

static void texts_are_escaped_and_clean(void **state)
{
    (void)state;
    assert_text("", "");
    assert_text("plain /path", "plain /path");
    assert_text("\"\\\"", "\"\\\"");
    assert_text("ends in \\", "ends in \\");
    assert_text("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80", "grüß € 😀");
    assert_text("a\nb\tc\x01\x7f", "a?b?c??");
    assert_text("cut \xe2\x82", "cut ??");
    assert_text("over\xc0\xaflong", "over??long");
    assert_text("\xed\xa0\x80", "???"); /* a surrogate */
    assert_text("\xff", "?");
    assert_text("\x80\"\xfe", "?\"?");
}

/* Any bytes whatever become valid JSON, as keys too. */
static void any_bytes_are_valid(void **state)
{
    (void)state;
    srandom(1);
    for (int round = 0; round < 5000; round++) {
        char bytes[32] = "";
        for (size_t i = 0; i < sizeof bytes - 1; i++)
            bytes[i] = (char)(random() % 4 ? random() : "\"\\\xc3\xbf"[random() % 4]);
        begin(round % 3);
        lp_json_array(&json, NULL);
        lp_json_object(&json, NULL);
        lp_json_text(&json, bytes, bytes);
        lp_json_end(&json);
        lp_json_end(&json);
        json_decref(read_back());
    }
}

static void integers_are_exact(void **state)
{
    (void)state;
    begin(0);
    lp_json_array(&json, NULL);
    lp_json_int(&json, NULL, 0);
    lp_json_int(&json, NULL, -1);
    lp_json_int(&json, NULL, INT64_MAX);
    lp_json_int(&json, NULL, INT64_MIN);
    lp_json_end(&json);
    expect("[0,-1,9223372036854775807,-9223372036854775808]");
}

static void assert_same_real(double value)
{
    begin(0);
    lp_json_array(&json, NULL);
    lp_json_real(&json, NULL, value);
    lp_json_end(&json);
    json_t *read = read_back();
    assert_true(json_is_real(read)); /* never an integer: it has a point or an exponent */
    assert_true(json_real_value(read) == value);
    json_decref(read);
}

static void reals_read_back_as_they_were(void **state)
{
    (void)state;
    const double values[] = {0,        1,    -1,   0.1,   1.0 / 3, 1e14,    1e15,   -1e15,
                             1e15 + 1, 1e17, 1e22, 1e300, DBL_MAX, DBL_MIN, 5e-324, 123456.75};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        assert_same_real(values[i]);
    srandom(2);
    for (int i = 0; i < 5000; i++)
        assert_same_real(ldexp((double)random() * (double)random(), (int)(random() % 200) - 150));

    begin(0);
    lp_json_array(&json, NULL);
    lp_json_real(&json, NULL, 0.1);
    lp_json_real(&json, NULL, 3);
    lp_json_real(&json, NULL, NAN);
    lp_json_real(&json, NULL, -INFINITY);
    lp_json_end(&json);
    expect("[0.1,3.0,null,null]");
}

/* lp_json_finish() after `n` calls of open and `ends` of lp_json_end(). */
static int nested(void (*open)(struct lp_json *, const char *), int n, int ends)
{
    begin(0);
    for (int i = 0; i < n; i++)
        open(&json, NULL);
    for (int i = 0; i < ends; i++)
        lp_json_end(&json);
    int error = end();
    free(text);
    return error;
}

static void mistakes_are_errors(void **state)
{
    (void)state;
    assert_int_equal(nested(lp_json_array, LP_JSON_DEPTH_MAX, LP_JSON_DEPTH_MAX), 0);
    assert_int_equal(nested(lp_json_array, LP_JSON_DEPTH_MAX + 1, LP_JSON_DEPTH_MAX + 1), -E2BIG);
    assert_int_equal(nested(lp_json_array, 3, 2), -EINVAL);
    assert_int_equal(nested(lp_json_array, 3, 4), -EINVAL);
    assert_int_equal(nested(lp_json_object, 2, 2), -EINVAL); /* the second has no key */

    begin(0);
    lp_json_array(&json, NULL);
    lp_json_int(&json, "key", 1);
    lp_json_int(&json, NULL, 2);
    lp_json_end(&json);
    assert_int_equal(end(), -EINVAL);
    assert_string_equal(text, "["); /* nothing after the mistake */
    free(text);

    json = (struct lp_json){.out = fopen("/dev/full", "w")};
    setvbuf(json.out, NULL, _IONBF, 0);
    lp_json_int(&json, NULL, 1);
    assert_int_equal(lp_json_finish(&json), -EIO);
    fclose(json.out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commas_and_lines_are_where_they_belong),
        cmocka_unit_test(texts_are_escaped_and_clean),
        cmocka_unit_test(any_bytes_are_valid),
        cmocka_unit_test(integers_are_exact),
        cmocka_unit_test(reals_read_back_as_they_were),
        cmocka_unit_test(mistakes_are_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
