/*
 * An evhttp and its client, in one thread.
 */
#ifndef TESTS_UNIT_HTTP_H
#define TESTS_UNIT_HTTP_H

#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <event2/event.h>
#include <event2/http.h>

#include "leakprof_evhttp.h"
#include "leakprof_server.h"

/* Listens on a free port of loopback. */
static inline struct evhttp *http_serve(struct event_base *base,
                                        void (*handle)(struct evhttp_request *request, void *arg),
                                        struct leakprof_address *address)
{
    struct evhttp *http = evhttp_new(base);
    struct evhttp_bound_socket *bound = evhttp_bind_socket_with_handle(http, "127.0.0.1", 0);
    assert_non_null(bound);
    assert_int_equal(leakprof_address_bound(evhttp_bound_socket_get_fd(bound), address), 0);
    evhttp_set_gencb(http, handle, NULL);
    return http;
}

/* Sends the request and runs the loop until the server has closed. Returns the status. The answer
 * is as much of it as fits. */
static inline long http_ask(struct event_base *base, const struct leakprof_address *address,
                            const char *request, char *answer, size_t size)
{
    char piece[65536];
    size_t length = 0;
    ssize_t n = -1;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address->socket, address->length), 0);
    assert_int_equal(send(fd, request, strlen(request), 0), strlen(request));
    while (n != 0) {
        event_base_loop(base, EVLOOP_NONBLOCK);
        n = recv(fd, piece, sizeof piece, MSG_DONTWAIT);
        assert_true(n >= 0 || errno == EAGAIN);
        size_t more = n > 0 ? (size_t)n : 0, room = size - 1 - length;
        memcpy(answer + length, piece, more < room ? more : room);
        length += more < room ? more : room;
        poll(NULL, 0, n < 0);
    }
    answer[length] = '\0';
    close(fd);
    assert_memory_equal(answer, "HTTP/1.1 ", 9);
    return strtol(answer + 9, NULL, 10);
}

#endif
