#include "serve/pending.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <event2/event.h>
#include <event2/http.h>

#include "profile/window.h"
#include "serve/answer.h"
#include "serve/client.h"
#include "serve/reply.h"
#include "sys/pages.h"

struct pending {
    LIST_ENTRY(pending) link;
    struct lp_client client;
    struct lp_request_options options;
    struct lp_window window;
    struct event *due, *look;
};

static LIST_HEAD(, pending) all = LIST_HEAD_INITIALIZER(all);
static int npending;

static void drop(struct pending *pending)
{
    LIST_REMOVE(pending, link);
    npending--;
    if (pending->due)
        event_free(pending->due);
    if (pending->look)
        event_free(pending->look);
    lp_client_unwatch(&pending->client);
    lp_window_drop(&pending->window);
    free(pending);
}

static void on_due(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct pending *pending = arg;
    struct evhttp_request *http = pending->client.http;
    uint64_t refused = lp_own_refused();
    struct lp_answer_of of = {.options = pending->options,
                              .taken = lp_window_close(&pending->window)};
    int error = of.taken ? 0 : errno;
    if (lp_own_refused() != refused) { /* it may be incomplete */
        lp_profile_free(of.taken);
        of.taken = NULL;
        error = ENOMEM;
    }
    drop(pending);
    if (of.taken)
        lp_answer(http, &of);
    else
        lp_reply_untaken(http, error);
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct pending *pending = arg;
    int ms = lp_window_look(&pending->window);
    if (ms)
        event_add(pending->look, &(struct timeval){ms / 1000, ms % 1000 * 1000});
}

static void on_gone(void *arg)
{
    drop(arg);
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
    pending->options = *options;
    int error = lp_window_open(&pending->window, options->view.kind, hz);
    event_base_update_cache_time(base); /* which may have taken a while: the time runs from now */
    pending->due = evtimer_new(base, on_due, pending);
    pending->look = evtimer_new(base, on_look, pending);
    if (!error && (!pending->due || !pending->look ||
                   lp_client_watch(&pending->client, http, on_gone, pending) != 0 ||
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
