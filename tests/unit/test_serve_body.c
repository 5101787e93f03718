/*
 * Claim: an answer that would be larger than the limit is refused with the reason, and nothing of
 * it is kept.
 */
#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <event2/event.h>
#include <event2/http.h>

#include "leakprof_evhttp.h"
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

/* Returns the status. The beginning of the answer is in text. */
static long ask(char text[4096])
{
    static const char request[] = "GET / HTTP/1.1\r\nConnection: close\r\n\r\n";
    char rest[65536];
    size_t length = 0;
    ssize_t n = -1;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address.socket, address.length), 0);
    assert_int_equal(send(fd, request, sizeof request - 1, 0), sizeof request - 1);
    while (n != 0) {
        event_base_loop(base, EVLOOP_NONBLOCK);
        n = recv(fd, rest, sizeof rest, MSG_DONTWAIT);
        assert_true(n >= 0 || errno == EAGAIN);
        size_t more = n > 0 ? (size_t)n : 0, room = 4095 - length;
        memcpy(text + length, rest, more < room ? more : room);
        length += more < room ? more : room;
        poll(NULL, 0, n < 0);
    }
    text[length] = '\0';
    close(fd);
    assert_memory_equal(text, "HTTP/1.1 ", 9);
    return strtol(text + 9, NULL, 10);
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
    struct evhttp *http = evhttp_new(base);
    struct evhttp_bound_socket *bound = evhttp_bind_socket_with_handle(http, "127.0.0.1", 0);
    if (!bound || leakprof_address_bound(evhttp_bound_socket_get_fd(bound), &address) != 0)
        return 1;
    evhttp_set_gencb(http, handle, NULL);
    lp_body_set_max(MAX);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    evhttp_free(http);
    event_base_free(base);
    return failed;
}
