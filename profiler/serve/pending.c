#include "serve/pending.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <event2/event.h>
#include <event2/http.h>

#include "profile/window.h"
#include "serve/answer.h"
#include "serve/client.h"
#include "serve/helpers.h"
#include "serve/reply.h"
#include "sys/pages.h"

struct pending {
    LIST_ENTRY(pending) link;
    struct lp_client client; /* without a request: the client has gone */
    struct lp_request_options options;
    int seconds, hz;
    struct event *due, *look;
    struct lp_job job;
    bool busy; /* the taker has it, and the window is the taker's */
    bool over; /* its time is */
    /* What the taker has and returns: */
    struct lp_window window;
    struct lp_profile *taken;
    int error;   /* a negative errno */
    int look_ms; /* 0: it need not look again */
};

static LIST_HEAD(, pending) all = LIST_HEAD_INITIALIZER(all);
static int npending;

static void hand_over(struct pending *pending, void (*run)(struct lp_job *job),
                      void (*done)(struct lp_job *job, bool stopped))
{
    pending->busy = true;
    pending->job = (struct lp_job){.run = run, .done = done};
    lp_helper_add(LP_TAKER, &pending->job);
}

static struct pending *of(struct lp_job *job)
{
    return (struct pending *)((char *)job - offsetof(struct pending, job));
}

/* Its window is not open, or nobody else uses it. */
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
    lp_profile_free(pending->taken);
    free(pending);
}

static void reply_error(struct evhttp_request *http, int error)
{
    if (error == -EALREADY)
        lp_reply_error(http, 500, "Could not enable CPU profiling: cpu profiling already in use");
    else
        lp_reply_untaken(http, -error);
}

/* Answers with what was taken, or with an error, and drops it. */
static void reply(struct pending *pending)
{
    struct evhttp_request *http = pending->client.http;
    struct lp_answer_of of = {.options = pending->options, .taken = pending->taken};
    int error = pending->error;
    pending->taken = NULL;
    drop(pending);
    if (of.taken)
        lp_answer(http, &of);
    else
        reply_error(http, error);
}

static void abandon(struct lp_job *job)
{
    lp_window_drop(&of(job)->window);
}

static void close_window(struct lp_job *job)
{
    struct pending *pending = of(job);
    uint64_t refused = lp_own_refused();
    pending->taken = lp_window_close(&pending->window);
    pending->error = pending->taken ? 0 : -errno;
    if (lp_own_refused() != refused) { /* it may be incomplete */
        lp_profile_free(pending->taken);
        pending->taken = NULL;
        pending->error = -ENOMEM;
    }
}

static void closed(struct lp_job *job, bool stopped)
{
    struct pending *pending = of(job);
    pending->busy = false;
    if (stopped)
        return;
    if (pending->client.http)
        reply(pending);
    else
        drop(pending);
}

static void look(struct lp_job *job)
{
    of(job)->look_ms = lp_window_look(&of(job)->window);
}

/* The taker has opened the window, or looked. false: it has other work with it now. */
static bool goes_on(struct pending *pending)
{
    if (pending->client.http && !pending->over)
        return true;
    if (pending->client.http)
        hand_over(pending, close_window, closed);
    else
        hand_over(pending, abandon, closed);
    return false;
}

static void looked(struct lp_job *job, bool stopped)
{
    struct pending *pending = of(job);
    int ms = pending->look_ms;
    pending->busy = false;
    if (!stopped && goes_on(pending) && ms)
        event_add(pending->look, &(struct timeval){ms / 1000, ms % 1000 * 1000});
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    hand_over(arg, look, looked);
}

static void on_due(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct pending *pending = arg;
    pending->over = true;
    event_del(pending->look);
    if (!pending->busy)
        goes_on(pending);
}

static void open_window(struct lp_job *job)
{
    struct pending *pending = of(job);
    pending->error = lp_window_open(&pending->window, pending->options.view.kind, pending->hz);
    if (!pending->error)
        look(job);
}

static void opened(struct lp_job *job, bool stopped)
{
    struct pending *pending = of(job);
    if (stopped || pending->error) {
        closed(job, stopped);
        return;
    }
    /* The loop may have been busy: the time runs from now. */
    event_base_update_cache_time(event_get_base(pending->due));
    if (event_add(pending->due, &(struct timeval){.tv_sec = pending->seconds}) != 0) {
        pending->error = -ENOMEM;
        hand_over(pending, abandon, closed);
        return;
    }
    looked(job, false);
}

static void on_gone(void *arg)
{
    struct pending *pending = arg;
    lp_client_unwatch(&pending->client);
    event_del(pending->due);
    event_del(pending->look);
    if (!pending->busy)
        goes_on(pending);
}

void lp_pending_start(struct evhttp_request *http, const struct lp_request_options *options,
                      int seconds, int hz)
{
    if (npending == LP_PENDING_MAX) {
        lp_reply_error(http, lp_status(-EAGAIN),
                       "%d profiles over time are being taken already; try again later",
                       LP_PENDING_MAX);
        return;
    }
    struct pending *pending = calloc(1, sizeof *pending);
    if (!pending) {
        lp_reply_untaken(http, ENOMEM);
        return;
    }
    LIST_INSERT_HEAD(&all, pending, link);
    npending++;
    struct event_base *base = evhttp_connection_get_base(evhttp_request_get_connection(http));
    pending->options = *options;
    pending->seconds = seconds;
    pending->hz = hz;
    pending->due = evtimer_new(base, on_due, pending);
    pending->look = evtimer_new(base, on_look, pending);
    if (!pending->due || !pending->look ||
        lp_client_watch(&pending->client, http, on_gone, pending) != 0) {
        drop(pending);
        lp_reply_untaken(http, ENOMEM);
        return;
    }
    hand_over(pending, open_window, opened);
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
