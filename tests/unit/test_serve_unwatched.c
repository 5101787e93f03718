/*
 * Claim: if the kernel refuses to watch a connection (epoll_ctl), its request is answered later, or
 * the connection is closed, once. No descriptor of another connection is closed, and none is left.
 */
#include "http.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

#include "leakprof_evhttp.h"

enum { NEVER, ONCE, ALWAYS };
static struct {
    int when, after, calls; /* the call that fails, counted from 1, or every one from there on */
} refused;
static struct event_base *base;
static struct leakprof_address address;
static int reused = -1; /* a descriptor that another thread could have opened */

/* libevent calls this one. */
int epoll_ctl(int epoll, int what, int fd, struct epoll_event *event)
{
    if (refused.when != NEVER && ++refused.calls >= refused.after &&
        (refused.when == ALWAYS || refused.calls == refused.after)) {
        errno = ENOMEM;
        return -1;
    }
    return (int)syscall(SYS_epoll_ctl, epoll, what, fd, event);
}

static void refuse(int when, int after)
{
    refused.when = when;
    refused.after = after;
    refused.calls = 0;
}

/* libevent warns after it has closed the descriptor, and before it closes it again. */
static void on_warning(int severity, const char *text)
{
    (void)severity;
    if (strstr(text, "cannot get connection") && reused < 0)
        reused = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void handle(struct evhttp_request *request, void *arg)
{
    (void)arg;
    struct evbuffer *body = evbuffer_new();
    evbuffer_add(body, "fine\n", 5);
    leakprof_evhttp_reply(request, 200, body);
    evbuffer_free(body);
}

static int connected(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address.socket, address.length), 0);
    return fd;
}

/* true: it was answered. false: the connection was closed without an answer. */
static bool ask(int fd)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    char answer[1024];
    ssize_t n;
    send(fd, request, sizeof request - 1, MSG_NOSIGNAL);
    while ((n = recv(fd, answer, sizeof answer - 1, MSG_DONTWAIT)) < 0 && errno == EAGAIN) {
        event_base_loop(base, EVLOOP_NONBLOCK);
        poll(NULL, 0, 1);
    }
    if (n > 0)
        assert_memory_equal(answer, "HTTP/1.1 200 ", 13);
    return n > 0;
}

static int descriptors(void)
{
    int n = 0;
    for (int fd = 0; fd < 64; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* Closes the client's side, and waits until the server has closed its own. */
static void leave(int fd, int before)
{
    close(fd);
    while (descriptors() != before) {
        event_base_loop(base, EVLOOP_NONBLOCK);
        poll(NULL, 0, 1);
    }
}

static void test_once(void **state)
{
    (void)state;
    for (int n = 1; refused.calls >= n - 1; n++) {
        int before = descriptors(), fd = connected();
        refuse(ONCE, n);
        if (ask(fd) && ask(fd))
            ask(fd);
        leave(fd, before);
        refused.when = NEVER;
    }
    assert_true(refused.calls > 3);
}

static void test_always(void **state)
{
    (void)state;
    for (int n = 1; n <= 4; n++) {
        int before = descriptors(), fd = connected();
        refuse(ALWAYS, n);
        while (ask(fd))
            ;
        assert_true(reused < 0 || fcntl(reused, F_GETFD) >= 0);
        refused.when = NEVER;
        leave(fd, before);
        fd = connected();
        assert_true(ask(fd));
        leave(fd, before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_once), cmocka_unit_test(test_always)};
    const struct leakprof_evhttp_limits limits = {.head_max = 8192,
                                                  .body_max = 8192,
                                                  .input_max = 1 << 20,
                                                  .output_max = 1 << 20,
                                                  .connections_max = 20};
    signal(SIGPIPE, SIG_IGN);
    event_set_log_callback(on_warning);
    base = event_base_new();
    struct evhttp *http = http_serve(base, handle, &address);
    struct leakprof_evhttp_gate *gate = leakprof_evhttp_limit(http, base, &limits);
    if (!gate)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    evhttp_free(http);
    leakprof_evhttp_unlimit(gate);
    event_base_free(base);
    return failed;
}
