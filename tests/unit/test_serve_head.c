/*
 * Claim: a head is read the same way in whatever pieces it arrives, and a body is only expected
 * where evhttp reads one.
 */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "serve/head.h"

static struct lp_head head;

/* In pieces of that many bytes. Returns how many bytes were the head's; 0: it is not complete. */
static size_t read_head(const char *text, size_t piece)
{
    size_t n = strlen(text), at = 0;
    bool complete = false;
    lp_head_begin(&head);
    while (at < n && !complete)
        at += lp_head_add(&head, text + at, n - at < piece ? n - at : piece, &complete);
    return complete ? at : 0;
}

static void test_pieces(void **state)
{
    static const char text[] = "POST /x HTTP/1.1\r\nHost:  localhost \r\nX: y\r\n"
                               "content-length: 12\r\nAuthorization: Bearer abc\n\r\n";
    (void)state;
    for (size_t piece = 1; piece < sizeof text; piece++) {
        char both[256];
        snprintf(both, sizeof both, "%sHost: of the body\r\n\r\n", text);
        assert_int_equal(read_head(both, piece), strlen(text));
        assert_null(head.bad);
        assert_true(head.changes);
        assert_string_equal(head.values[LP_HEAD_HOST], "localhost");
        assert_string_equal(head.values[LP_HEAD_AUTHORIZATION], "Bearer abc");
        assert_null(head.values[LP_HEAD_ORIGIN]);
        assert_int_equal(lp_head_body(&head), 12);
    }
}

static void test_bodies(void **state)
{
    (void)state;
    assert_true(read_head("GET / HTTP/1.1\r\n\r\n", 100) > 0);
    assert_false(head.changes);
    assert_int_equal(lp_head_body(&head), 0);
    assert_true(read_head("PUT / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n", 100) > 0);
    assert_int_equal(lp_head_body(&head), -1);
    assert_true(read_head("PUT / HTTP/1.1\nContent-Length: 99999999999999999999\n\n", 100) > 0);
    assert_true(lp_head_body(&head) > (int64_t)1 << 60);
    assert_int_equal(read_head("GET / HTTP/1.1\r\nHost: a\r\n", 100), 0);
}

static void test_bad_heads(void **state)
{
    static const char *const heads[] = {
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length:\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 1\r\n 2\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HEAD / HTTP/1.1\r\nContent-Length: 1\r\n\r\n",
        "TRACE / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "BREW / HTTP/1.1\r\nContent-Length: 1\r\n\r\n",
        " POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\n",
    };
    char text[8192];
    bool complete;
    (void)state;
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        assert_true(read_head(heads[i], 3) > 0);
        assert_non_null(head.bad);
    }
    snprintf(text, sizeof text, "GET / HTTP/1.1\r\nAuthorization: %06000d\r\n\r\n", 0);
    assert_true(read_head(text, 1000) > 0);
    assert_non_null(head.bad);
    snprintf(text, sizeof text, "GET / HTTP/1.1\r\nX-Other: %06000d\r\n\r\n", 0);
    assert_true(read_head(text, 1000) > 0);
    assert_null(head.bad);
    lp_head_begin(&head);
    assert_int_equal(lp_head_add(&head, "GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n", 29, &complete), 24);
    assert_true(complete);
    assert_non_null(head.bad);
}

/* What follows could be taken for a request. */
static void test_connect(void **state)
{
    static const char line[] = "CONNECT host:80 HTTP/1.1\r\n";
    (void)state;
    assert_int_equal(read_head("CONNECT host:80 HTTP/1.1\r\nHost: a\r\n\r\n", 5), strlen(line));
    assert_string_equal(head.bad, "CONNECT is not supported");
    assert_true(read_head("POST / HTTP/1.1\r\n\r\n", 5) > 0);
    assert_null(head.bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_bad_heads),
        cmocka_unit_test(test_connect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
