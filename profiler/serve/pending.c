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
#include "sys/keep_errno.h"
#include "sys/syscall.h"
#include "profile/window.h"

struct pending {
    LIST_ENTRY(pending) link;
    struct evhttp_request *http;
    struct lp_request_options options;
    struct lp_window window;
    struct event *due, *gone, *look;
};

static LIST_HEAD(, pending) all = LIST_HEAD_INITIALIZER(all);
static int npending;

static void drop(struct pending *pending)
{
    LIST_REMOVE(pending, link);
    npending--;
    if (pending->due)
        event_free(pending->due);
    if (pending->gone)
        event_free(pending->gone);
    if (pending->look)
        event_free(pending->look);
    lp_window_drop(&pending->window);
    free(pending);
}

static void on_due(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct pending *pending = arg;
    struct evhttp_request *http = pending->http;
    struct lp_request_options options = pending->options;
    struct lp_profile *profile = lp_window_close(&pending->window);
    {
        /* The watch on the socket must be gone before evhttp writes: libevent does not mix edge-
         * and level-triggered events on one descriptor. */
        LP_KEEP_ERRNO;
        drop(pending);
    }
    lp_reply_profile(http, profile, &options);
    lp_profile_free(profile);
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct pending *pending = arg;
    int ms = lp_window_look(&pending->window);
    if (ms)
        event_add(pending->look, &(struct timeval){ms / 1000, ms % 1000 * 1000});
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct pending *pending = arg;
    struct pollfd state = {.fd = fd, .events = POLLRDHUP};
    if (lp_syscall(SYS_poll, &state, 1, 0) <= 0)
        return;
    struct evhttp_connection *connection = evhttp_request_get_connection(pending->http);
    drop(pending);
    evhttp_connection_free(connection); /* and the request with it */
}

int lp_pending_start(struct evhttp_request *http, const struct lp_request_options *options,
                     int seconds, int hz)
{
    if (npending == LP_PENDING_MAX)
        return -EAGAIN;
    struct pending *pending = calloc(1, sizeof *pending);
    if (!pending)
        return -ENOMEM;
    LIST_INSERT_HEAD(&all, pending, link);
    npending++;

    struct evhttp_connection *connection = evhttp_request_get_connection(http);
    struct event_base *base = evhttp_connection_get_base(connection);
    int fd = bufferevent_getfd(evhttp_connection_get_bufferevent(connection));
    pending->http = http;
    pending->options = *options;
    int error = lp_window_open(&pending->window, options->view.kind, hz);
    event_base_update_cache_time(base); /* which may have taken a while: the time runs from now */
    pending->due = evtimer_new(base, on_due, pending);
    pending->look = evtimer_new(base, on_look, pending);
    pending->gone =
        event_new(base, fd, EV_READ | EV_CLOSED | EV_ET | EV_PERSIST, on_socket, pending);
    if (!error &&
        (!pending->due || !pending->look || !pending->gone || event_add(pending->gone, NULL) != 0 ||
         event_add(pending->due, &(struct timeval){.tv_sec = seconds}) != 0))
        error = -ENOMEM;
    if (error)
        drop(pending);
    else
        on_look(-1, 0, pending);
    return error;
}

void lp_pending_drop(void)
{
    while (!LIST_EMPTY(&all))
        drop(LIST_FIRST(&all));
}

void lp_pending_forked(void)
{
    LIST_INIT(&all);
    npending = 0;
}
