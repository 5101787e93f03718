/*
 * Claim: a program with an evhttp of its own can use the guard and have JSON where evhttp refuses a
 * request by itself; its other evhttp, beside the profiler, answers as libevent does.
 */
#include "http.h"

#include <time.h>
#include <event2/buffer.h>

#include "leakprof.h"

static struct event_base *base;
static struct evhttp *mine;
static struct leakprof_address guarded, plain;
static char answer[4096];

static const struct leakprof_guard guard = {.loopback = true, .token = "0123456789abcdef"};

static void handle(struct evhttp_request *request, void *arg)
{
    const char *why = "fine";
    int status = leakprof_evhttp_check(&guard, request, true, &why);
    (void)arg;
    if (status == 401)
        leakprof_evhttp_challenge(request);
    if (status == 403) {
        evhttp_send_error(request, status, why);
        return;
    }
    struct evbuffer *body = evbuffer_new();
    evbuffer_add_printf(body, "%s", why);
    if (strcmp(evhttp_request_get_uri(request), "/stay") != 0)
        evhttp_add_header(evhttp_request_get_output_headers(request), "Connection", "close");
    evhttp_send_reply(request, status ? status : 200, NULL, body);
    evbuffer_free(body);
}

static long ask(const struct leakprof_address *address, const char *request)
{
    return http_ask(base, address, request, answer, sizeof answer);
}

static void test_guard(void **state)
{
    (void)state;
    assert_int_equal(
        ask(&guarded, "GET / HTTP/1.1\r\nAuthorization: Bearer 0123456789abcdef\r\n\r\n"), 200);
    assert_int_equal(ask(&guarded, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), 401);
    assert_non_null(strstr(answer, "\r\nWWW-Authenticate: Basic "));
    assert_non_null(strstr(answer, "\r\nWWW-Authenticate: Bearer "));
    assert_int_equal(ask(&guarded, "GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n"),
                     400);
}

/* Sends the request. The answer is for later. */
static int begin(const char *request)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&guarded.socket, guarded.length), 0);
    assert_int_equal(send(fd, request, strlen(request), 0), strlen(request));
    return fd;
}

static int64_t seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

static void test_wrong_tokens_are_answered_slowly(void **state)
{
    (void)state;
    static const char wrong[] = "GET / HTTP/1.1\r\nAuthorization: Bearer 0123456789abcdeX\r\n\r\n";
    static const char right[] = "GET / HTTP/1.1\r\nAuthorization: Bearer 0123456789abcdef\r\n\r\n";
    uint64_t before = leakprof_guard_wrong_tokens();
    for (int i = 0; i < 10; i++)
        assert_int_equal(ask(&guarded, wrong), 401);
    assert_int_equal(leakprof_guard_wrong_tokens(), before + 10);
    int64_t began = seconds();
    int slow[4];
    char byte;
    for (int i = 0; i < 3; i++)
        slow[i] = begin(wrong);
    slow[3] = begin("POST / HTTP/1.1\r\nAuthorization: Bearer 0123456789abcdeX\r\n"
                    "Content-Length: 5000\r\n\r\nthe begin of a body");
    while (leakprof_guard_wrong_tokens() < before + 14)
        event_base_loop(base, EVLOOP_NONBLOCK);
    assert_int_equal(ask(&guarded, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), 401);
    assert_int_equal(ask(&guarded, right), 200);
    if (seconds() == began) /* otherwise this test was stopped meanwhile, and they are due */
        assert_true(recv(slow[3], &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);
    for (int i = 0; i < 4; i++) {
        ssize_t n;
        while ((n = recv(slow[i], answer, sizeof answer - 1, MSG_DONTWAIT)) < 0)
            event_base_loop(base, EVLOOP_NONBLOCK);
        answer[n] = '\0';
        assert_memory_equal(answer, "HTTP/1.1 401 ", 13);
        assert_non_null(strstr(answer, "\r\nConnection: close\r\n"));
        close(slow[i]);
    }
    assert_int_equal(leakprof_guard_wrong_tokens(), before + 14);
    close(begin(wrong)); /* a client that does not wait */
    while (leakprof_guard_wrong_tokens() < before + 15)
        event_base_loop(base, EVLOOP_NONBLOCK);
    assert_int_equal(ask(&guarded, right), 200);
}

/* evhttp would answer with the same version, and without a length. */
static void test_other_versions(void **state)
{
    (void)state;
    assert_int_equal(ask(&guarded, "GET /stay HTTP/0.1\r\n\r\n"), 505);
    assert_non_null(strstr(answer, "only HTTP/1.0 and HTTP/1.1"));
    assert_int_equal(ask(&guarded, "GET /stay HTTP/1.2\r\n\r\n"), 505);
}

/* evhttp would take the body for a request. */
static void test_body_of_an_unknown_method(void **state)
{
    (void)state;
    evhttp_set_allowed_methods(mine, UINT16_MAX);
    assert_int_equal(ask(&guarded, "BREW /stay HTTP/1.1\r\nContent-Length: 20\r\n\r\n"
                                   "GET / HTTP/1.1\r\n\r\n..."),
                     400);
    evhttp_set_allowed_methods(mine, EVHTTP_REQ_GET);
    assert_non_null(strstr(answer, "unknown methods have no body"));
    assert_null(strstr(answer + 9, "HTTP/1.1 "));
}

/* evhttp does not close after an answer to CONNECT. */
static void test_connect(void **state)
{
    (void)state;
    evhttp_set_allowed_methods(mine, UINT16_MAX);
    assert_int_equal(ask(&guarded, "CONNECT / HTTP/0.1\r\n\r\nGET /stay HTTP/1.1\r\n\r\n"), 501);
    evhttp_set_allowed_methods(mine, EVHTTP_REQ_GET);
    assert_null(strstr(answer + 9, "HTTP/1.1 "));
}

static void test_errors_of_evhttp(void **state)
{
    (void)state;
    assert_int_equal(ask(&guarded, "not HTTP\r\n\r\n"), 400);
    assert_non_null(strstr(answer, "\r\n\r\n{\"error\":\"this is not a valid HTTP request"));
    assert_null(strstr(answer, "<HTML>"));
    assert_int_equal(ask(&guarded, "BREW / HTTP/1.1\r\n\r\n"), 501);
    assert_non_null(strstr(answer, "{\"error\":\"this method is not supported\"}"));
}

/* The second answer of a connection is written to a buffer that libevent has frozen. */
static void test_errors_after_an_answer(void **state)
{
    (void)state;
    ask(&guarded, "GET /stay HTTP/1.1\r\nAuthorization: Bearer 0123456789abcdef\r\n\r\n"
                  "not HTTP\r\n\r\n");
    assert_non_null(strstr(answer + 9, "HTTP/1.1 400 "));
    assert_non_null(strstr(answer, "\r\n\r\n{\"error\":\"this is not a valid HTTP request"));
    assert_null(strstr(answer, "<HTML>"));
}

static void test_errors_of_the_program(void **state)
{
    (void)state;
    assert_int_equal(ask(&guarded, "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n"), 403);
    assert_non_null(strstr(answer, "<H1>the Host header names another machine"));
}

static void test_another_evhttp(void **state)
{
    (void)state;
    assert_int_equal(ask(&plain, "not HTTP\r\n\r\n"), 400);
    assert_non_null(strstr(answer, "\r\nContent-Type: text/html\r\n"));
    assert_non_null(strstr(answer, "<H1>Bad Request</H1>"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_guard),
        cmocka_unit_test(test_wrong_tokens_are_answered_slowly),
        cmocka_unit_test(test_other_versions),
        cmocka_unit_test(test_body_of_an_unknown_method),
        cmocka_unit_test(test_connect),
        cmocka_unit_test(test_errors_of_evhttp),
        cmocka_unit_test(test_errors_after_an_answer),
        cmocka_unit_test(test_errors_of_the_program),
        cmocka_unit_test(test_another_evhttp),
    };
    const struct leakprof_options options = {.listen = "127.0.0.1:0", .rate = LEAKPROF_RATE_KEEP};
    const struct leakprof_evhttp_limits limits = {.guard = &guard,
                                                  .head_max = 8192,
                                                  .body_max = 8192,
                                                  .input_max = 1 << 20,
                                                  .output_max = 1 << 20,
                                                  .connections_max = 100};
    base = event_base_new();
    struct evhttp *other = http_serve(base, handle, &plain);
    mine = http_serve(base, handle, &guarded);
    struct leakprof_evhttp_gate *gate = leakprof_evhttp_limit(mine, base, &limits);
    if (!gate)
        return 1;
    if (leakprof_start(&options) != 0)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    leakprof_stop();
    evhttp_free(mine);
    leakprof_evhttp_unlimit(gate);
    evhttp_free(other);
    event_base_free(base);
    return failed;
}
