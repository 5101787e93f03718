/*
 * evhttp stops reading from a connection while its request is worked on, so nobody would notice the
 * client leave: the socket is watched here. Edge-triggered, because what a client sends ahead stays
 * unread; and for reading, because epoll reports a reset connection as readable, not as closed.
 *
 * Nothing else frees the connection meanwhile: with reading off and nothing to write, none of its
 * bufferevent's callbacks (time-outs included) can run.
 */
#include "http/wait.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>

#include "http/reply.h"
#include "snapshot/take.h"

struct wait {
    LIST_ENTRY(wait) link;
    struct evhttp_request *http;
    struct lp_shape shape;
    struct lp_profile *from;
    struct event *due, *gone;
};

static LIST_HEAD(, wait) waits = LIST_HEAD_INITIALIZER(waits);
static int nwaits;

static void wait_free(struct wait *wait)
{
    LIST_REMOVE(wait, link);
    nwaits--;
    if (wait->due)
        event_free(wait->due);
    if (wait->gone)
        event_free(wait->gone);
    lp_profile_free(wait->from);
    free(wait);
}

static void on_due(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct wait *wait = arg;
    struct evhttp_request *http = wait->http;
    struct lp_shape shape = wait->shape;
    struct lp_profile *to = lp_take(shape.kind);
    struct lp_profile *delta = to ? lp_profile_diff(wait->from, to) : NULL;
    int error = errno;
    /* The watch on the socket must be gone before evhttp writes: libevent does not mix edge- and
     * level-triggered events on one descriptor. */
    wait_free(wait);
    lp_profile_free(to);
    errno = error;
    lp_reply_profile(http, delta, &shape);
    lp_profile_free(delta);
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct wait *wait = arg;
    struct pollfd state = {.fd = fd, .events = POLLRDHUP};
    if (poll(&state, 1, 0) <= 0)
        return;
    struct evhttp_connection *connection = evhttp_request_get_connection(wait->http);
    wait_free(wait);
    evhttp_connection_free(connection); /* and the request with it */
}

int lp_wait_start(struct evhttp_request *http, const struct lp_shape *shape, int seconds)
{
    if (nwaits == LP_WAITS_MAX)
        return -EAGAIN;
    struct wait *wait = calloc(1, sizeof *wait);
    if (!wait)
        return -ENOMEM;
    LIST_INSERT_HEAD(&waits, wait, link);
    nwaits++;

    struct evhttp_connection *connection = evhttp_request_get_connection(http);
    struct event_base *base = evhttp_connection_get_base(connection);
    int fd = bufferevent_getfd(evhttp_connection_get_bufferevent(connection));
    wait->http = http;
    wait->shape = *shape;
    wait->from = lp_take(shape->kind);
    int error = wait->from ? -ENOMEM : -errno;
    wait->due = evtimer_new(base, on_due, wait);
    wait->gone = event_new(base, fd, EV_READ | EV_CLOSED | EV_ET | EV_PERSIST, on_socket, wait);
    if (!wait->from || !wait->due || !wait->gone || event_add(wait->gone, NULL) != 0 ||
        event_add(wait->due, &(struct timeval){.tv_sec = seconds}) != 0) {
        wait_free(wait);
        return error;
    }
    return 0;
}

void lp_waits_drop(void)
{
    while (!LIST_EMPTY(&waits))
        wait_free(LIST_FIRST(&waits));
}

void lp_waits_forked(void)
{
    LIST_INIT(&waits);
    nwaits = 0;
}
