/*
 * Claim: an answer that would be larger than the limit is refused with the reason, and nothing of
 * it is kept.
 */
#include "http.h"

#include "serve/reply.h"

enum { MAX = 2 << 20, LINE = 1024 };

static struct event_base *base;
static struct leakprof_address address;
static int lines;
static bool fails; /* the writer reports what the stream did */

static void handle(struct evhttp_request *request, void *arg)
{
    (void)arg;
    static char line[LINE + 1];
    struct lp_body body;
    lp_reply_begin(false);
    assert_int_equal(lp_body_open(&body), 0);
    memset(line, 'x', LINE);
    for (int i = 0; i < lines; i++)
        fputs(line, body.stream);
    fflush(body.stream);
    assert_true(body.size <= MAX);
    if (fails && ferror(body.stream))
        lp_reply_unwritten(request, &body, "the answer", -EIO);
    else
        lp_reply_body(request, 200, "text/plain", &body);
    assert_null(body.data);
}

static long ask(char text[4096])
{
    return http_ask(base, &address, "GET / HTTP/1.1\r\nConnection: close\r\n\r\n", text, 4096);
}

static void test_limit(void **state)
{
    (void)state;
    char text[4096];
    lines = MAX / LINE;
    assert_int_equal(ask(text), 200);
    lines++;
    for (int i = 0; i < 2; i++) {
        fails = i;
        assert_int_equal(ask(text), 507);
        assert_non_null(strstr(text, "the answer would be larger than 2 MiB; ask for"));
    }
    lines = 1;
    assert_int_equal(ask(text), 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_limit)};
    base = event_base_new();
    struct evhttp *http = http_serve(base, handle, &address);
    lp_body_set_max(MAX);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    evhttp_free(http);
    event_base_free(base);
    return failed;
}
