/*
 * evhttp stops reading from a connection while its request is pending, so it would not notice that
 * the client disconnects. So the socket is watched here. The watch is edge-triggered, because bytes
 * that the client sends early stay unread. It is a read event, because epoll reports a reset
 * connection as readable, not as closed.
 *
 * Nothing else frees the connection meanwhile. Reading is off and there is nothing to write, so
 * none of its bufferevent's callbacks (time-outs included) can run.
 */
#include "serve/pending.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>

#include "serve/reply.h"
#include "profile/window.h"

struct wait {
    LIST_ENTRY(wait) link;
    struct evhttp_request *http;
    struct lp_request_options shape;
    struct lp_window window;
    struct event *due, *gone, *look;
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
    if (wait->look)
        event_free(wait->look);
    lp_window_drop(&wait->window);
    free(wait);
}

static void on_due(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct wait *wait = arg;
    struct evhttp_request *http = wait->http;
    struct lp_request_options shape = wait->shape;
    struct lp_profile *profile = lp_window_close(&wait->window);
    int error = errno;
    /* Remove the watch on the socket before evhttp writes: libevent cannot mix edge- and
     * level-triggered events on one descriptor. */
    wait_free(wait);
    errno = error;
    lp_reply_profile(http, profile, &shape);
    lp_profile_free(profile);
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct wait *wait = arg;
    int ms = lp_window_look(&wait->window);
    if (ms)
        event_add(wait->look, &(struct timeval){ms / 1000, ms % 1000 * 1000});
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

int lp_pending_start(struct evhttp_request *http, const struct lp_request_options *shape,
                     int seconds, int hz)
{
    if (nwaits == LP_PENDING_MAX)
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
    int error = lp_window_open(&wait->window, shape->view.kind, hz);
    event_base_update_cache_time(base); /* opening the window may have taken long */
    wait->due = evtimer_new(base, on_due, wait);
    wait->look = evtimer_new(base, on_look, wait);
    wait->gone = event_new(base, fd, EV_READ | EV_CLOSED | EV_ET | EV_PERSIST, on_socket, wait);
    if (!error && (!wait->due || !wait->look || !wait->gone || event_add(wait->gone, NULL) != 0 ||
                   event_add(wait->due, &(struct timeval){.tv_sec = seconds}) != 0))
        error = -ENOMEM;
    if (error)
        wait_free(wait);
    else
        on_look(-1, 0, wait);
    return error;
}

void lp_pending_drop(void)
{
    while (!LIST_EMPTY(&waits))
        wait_free(LIST_FIRST(&waits));
}

void lp_pending_forked(void)
{
    LIST_INIT(&waits);
    nwaits = 0;
}
