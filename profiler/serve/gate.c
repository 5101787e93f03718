/*
 * The gate in front of evhttp: libevent 2.1 has no limit on connections, nor on what they hold
 * together. serve/connection.c watches each of them, and is asked whether it is still there.
 */
#include "leakprof_evhttp.h"

#include <stdlib.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>

#include "serve/accept.h"
#include "serve/connection.h"
#include "serve/errors.h"
#include "serve/reserve.h"

enum {
    REQUEST_MS = 60000, /* for a whole request to arrive */
    STALLED_MS = 5000,  /* without progress, a reader may be dropped */
    EVICTED_SHARE = 8   /* of the connections that are idle, when there are too many */
};

static const struct timeval EVERY = {.tv_sec = 1};      /* between sweeps */
static const struct timeval PAUSE = {.tv_usec = 50000}; /* before accepting again */

TAILQ_HEAD(list, lp_connection);

struct leakprof_evhttp_gate {
    struct lp_connections all; /* the first member */
    struct evhttp *http;
    struct event *begin, *sweep, *resume;
    struct lp_connection *pool;
    struct list open, unused;
    int nopen;
};

static void on_gone(struct lp_connections *all, struct lp_connection *c)
{
    struct leakprof_evhttp_gate *gate = (struct leakprof_evhttp_gate *)all;
    lp_connection_forget(c);
    TAILQ_REMOVE(&gate->open, c, link);
    TAILQ_INSERT_HEAD(&gate->unused, c, link);
    gate->nopen--;
}

/* Those that hold most are refused first, so a client with a short request is not. */
static void on_grown(struct lp_connections *all)
{
    struct leakprof_evhttp_gate *gate = (struct leakprof_evhttp_gate *)all;
    while (gate->all.input > gate->all.limits.input_max) {
        struct lp_connection *c, *most = NULL;
        TAILQ_FOREACH(c, &gate->open, link)
        if (!c->leave_ms && c->input > (most ? most->input : 0) && lp_connection_is_open(c))
            most = c;
        if (!most)
            return;
        if (lp_connection_is_read(most) && !most->marked)
            lp_connection_refuse(most, 503,
                                 "too many requests with long bodies at once; try again later");
        else
            lp_connection_hang_up(most);
        lp_connection_uncount(most);
    }
}

static void schedule(struct leakprof_evhttp_gate *gate)
{
    if (gate->nopen > 0 && !evtimer_pending(gate->sweep, NULL))
        evtimer_add(gate->sweep, &EVERY);
}

static void find_closed(struct leakprof_evhttp_gate *gate)
{
    for (struct lp_connection *c = TAILQ_FIRST(&gate->open), *next; c; c = next) {
        next = TAILQ_NEXT(c, link);
        if (!lp_connection_is_open(c))
            on_gone(&gate->all, c);
    }
}

static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct leakprof_evhttp_gate *gate = arg;
    struct lp_connection *c;
    int64_t now = lp_connection_now_ms();
    find_closed(gate);
    TAILQ_FOREACH(c, &gate->open, link)
    {
        lp_connection_answer_due(c);
        bool due =
            c->leave_ms ? now >= c->leave_ms : c->began_ms && now - c->began_ms > 2 * REQUEST_MS;
        if ((c->begun && !lp_accept_is_watched(c->bufferevent)) || due)
            lp_connection_hang_up(c);
        else if (!c->leave_ms && c->began_ms && now - c->began_ms > REQUEST_MS &&
                 lp_connection_is_read(c))
            lp_connection_refuse(c, 408, "the request did not arrive within 60 s");
    }
    schedule(gate);
}

/* evhttp has the connections that were accepted last. */
static void on_begin(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct leakprof_evhttp_gate *gate = arg;
    for (struct lp_connection *c = TAILQ_LAST(&gate->open, list); c && !c->begun;
         c = TAILQ_PREV(c, list, link))
        lp_connection_begin(c);
}

/* The idle connection that was used least recently; NULL: none is idle. */
static struct lp_connection *least_used(struct leakprof_evhttp_gate *gate)
{
    struct lp_connection *c, *least = NULL;
    TAILQ_FOREACH(c, &gate->open, link)
    if (!c->leave_ms && lp_connection_is_read(c) && (!least || c->moved_ms < least->moved_ms))
        least = c;
    return least;
}

/* Hangs up on connections that were idle longest. false: all are busy. */
static bool evict(struct leakprof_evhttp_gate *gate)
{
    struct lp_connection *least;
    int wanted = gate->all.limits.connections_max / EVICTED_SHARE + 1, n = wanted;
    for (; n > 0 && (least = least_used(gate)); n--) {
        lp_connection_hang_up(least);
    }
    return n < wanted;
}

static void enable(struct evhttp_bound_socket *bound, void *failed)
{
    if (evconnlistener_enable(evhttp_bound_socket_get_listener(bound)) != 0)
        *(bool *)failed = true;
}

static void disable(struct evhttp_bound_socket *bound, void *arg)
{
    (void)arg;
    evconnlistener_disable(evhttp_bound_socket_get_listener(bound));
}

static int resume_later(struct leakprof_evhttp_gate *gate)
{
    return evtimer_add(gate->resume, &PAUSE);
}

static void on_resume(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct leakprof_evhttp_gate *gate = arg;
    find_closed(gate);
    bool failed = TAILQ_EMPTY(&gate->unused);
    if (!failed)
        evhttp_foreach_bound_socket(gate->http, enable, &failed);
    if (failed)
        resume_later(gate);
}

void leakprof_evhttp_pause(struct leakprof_evhttp_gate *gate)
{
    if (resume_later(gate) == 0)
        evhttp_foreach_bound_socket(gate->http, disable, NULL);
}

static int nactive(const struct leakprof_evhttp_gate *gate)
{
    return gate->nopen - gate->all.leaving;
}

/* If there is no memory to watch a connection, it is only limited by the mark of its input. */
static void enter(struct leakprof_evhttp_gate *gate, struct bufferevent *bufferevent)
{
    if (nactive(gate) >= gate->all.limits.connections_max ||
        !TAILQ_NEXT(TAILQ_FIRST(&gate->unused), link))
        find_closed(gate);
    bool room = nactive(gate) < gate->all.limits.connections_max || evict(gate);
    struct lp_connection *c = TAILQ_FIRST(&gate->unused);
    TAILQ_REMOVE(&gate->unused, c, link);
    TAILQ_INSERT_TAIL(&gate->open, c, link);
    gate->nopen++;
    if (!lp_connection_watch(c, &gate->all, bufferevent))
        on_gone(&gate->all, c);
    else if (!room)
        lp_connection_refuse_later(c, 503, "too many connections at once; try again later");
    event_active(gate->begin, EV_TIMEOUT, 0);
    schedule(gate);
}

static struct bufferevent *new_connection(struct event_base *base, void *arg)
{
    struct leakprof_evhttp_gate *gate = arg;
    if (!lp_reserve_accepting())
        leakprof_evhttp_pause(gate);
    struct bufferevent *bufferevent = bufferevent_socket_new(base, -1, 0);
    if (!bufferevent)
        return NULL;
    lp_errors_watch(bufferevent);
    lp_connection_ahead(bufferevent, &gate->all.limits, 0);
    if (!TAILQ_EMPTY(&gate->unused))
        enter(gate, bufferevent);
    if (TAILQ_EMPTY(&gate->unused))
        leakprof_evhttp_pause(gate);
    lp_reserve_accepting(); /* for what libevent needs next */
    return bufferevent;
}

bool leakprof_evhttp_crowded(struct leakprof_evhttp_gate *gate)
{
    const int64_t now = lp_connection_now_ms();
    while (gate->all.output > gate->all.limits.output_max) {
        struct lp_connection *c, *most = NULL;
        TAILQ_FOREACH(c, &gate->open, link)
        if (!c->leave_ms && now - c->moved_ms >= STALLED_MS &&
            c->output > (most ? most->output : 0) && lp_connection_is_open(c))
            most = c;
        if (!most)
            return true;
        lp_connection_hang_up(most);
        lp_connection_uncount(most);
    }
    return false;
}

void leakprof_evhttp_unlimit(struct leakprof_evhttp_gate *gate)
{
    if (!gate)
        return;
    for (struct lp_connection *c; (c = TAILQ_FIRST(&gate->open));) {
        lp_connection_unwatch(c); /* libevent frees it with the loop */
        on_gone(&gate->all, c);
    }
    if (gate->begin)
        event_free(gate->begin);
    if (gate->sweep)
        event_free(gate->sweep);
    if (gate->resume)
        event_free(gate->resume);
    free(gate->pool);
    free(gate);
}

struct leakprof_evhttp_gate *leakprof_evhttp_limit(struct evhttp *http, struct event_base *base,
                                                   const struct leakprof_evhttp_limits *limits)
{
    struct leakprof_evhttp_gate *gate = calloc(1, sizeof *gate);
    if (!gate)
        return NULL;
    /* Those that are leaving, and those that are told that there are too many, come on top. */
    int n = limits->connections_max + 2 * (limits->connections_max / EVICTED_SHARE + 1);
    gate->http = http;
    gate->all = (struct lp_connections){.limits = *limits, .grown = on_grown, .gone = on_gone};
    TAILQ_INIT(&gate->open);
    TAILQ_INIT(&gate->unused);
    gate->pool = calloc((size_t)n, sizeof *gate->pool);
    gate->begin = evtimer_new(base, on_begin, gate);
    gate->sweep = evtimer_new(base, on_sweep, gate);
    gate->resume = evtimer_new(base, on_resume, gate);
    if (!gate->pool || !gate->begin || !gate->sweep || !gate->resume) {
        leakprof_evhttp_unlimit(gate);
        return NULL;
    }
    for (int i = 0; i < n; i++)
        TAILQ_INSERT_TAIL(&gate->unused, &gate->pool[i], link);
    evhttp_set_max_headers_size(http, (ev_ssize_t)limits->head_max);
    evhttp_set_max_body_size(http, (ev_ssize_t)limits->body_max);
    evhttp_set_bevcb(http, new_connection, gate);
    return gate;
}
