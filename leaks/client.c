/*
 * Client: an outgoing HTTP call without a timeout.
 *
 * A request asks an upstream service and the upstream accepts, but does not answer. libevent would
 * give up after 50 seconds; long reports kept failing, so somebody set the timeout to a year. Now
 * every call to a dead upstream keeps a connection, a request and a descriptor for good.
 *
 * What the profiles show: descriptors grow by one socket a request, all opened under client_leak,
 * with the same peer; the heap grows a little at the same place. The server answers until it runs
 * out of descriptors, and then it cannot even accept.
 */
#include "scene.h"
#include "peer.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/queue.h>

#include <event2/event.h>
#include <event2/http.h>

enum { CALL_COST = 16 << 10 }; /* for the budget: libevent's objects and the kernel's two sockets */

static const struct timeval soon = {.tv_usec = 50000};
static const struct timeval a_year = {.tv_sec = 365 * 86400};

/* The calls of one request. One loop's. */
struct batch {
    struct scene_call *answer; /* whom to answer when the last call ends; NULL: it has its answer */
    unsigned left;
};

struct call {
    LIST_ENTRY(call) entry;
    struct loop *loop;
    struct batch *batch; /* NULL: a leaky one */
    struct evhttp_connection *connection;
    struct evhttp_request *request; /* libevent's, once it is made */
    struct event *over;             /* frees the call, outside of its own connection's callback */
    bool ended;
    char trace[97];
};

/* libevent's objects belong to the loop they were made on, and so do the calls that hold them. */
struct loop {
    struct loop *next; /* protected by lock; loops are never taken out while the server runs */
    struct event_base *base;
    LIST_HEAD(, call) calls; /* this and what hangs on it: this loop's thread only */
    atomic_int leaked;       /* leaky ones in calls */
    atomic_bool draining;    /* drop_leaked() is on its way */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct loop *loops; /* protected by lock */
static uint16_t upstream;

static struct loop *loop_of(struct event_base *base)
{
    struct loop *loop;

    pthread_mutex_lock(&lock);
    for (loop = loops; loop && loop->base != base; loop = loop->next)
        ;
    if (!loop && (loop = calloc(1, sizeof(*loop)))) {
        loop->base = base;
        loop->next = loops;
        loops = loop;
    }
    pthread_mutex_unlock(&lock);
    return loop;
}

static void batch_drop(struct batch *batch)
{
    if (--batch->left > 0)
        return;
    if (batch->answer)
        scene_finish(batch->answer, 0);
    free(batch);
}

static void free_call(struct call *call)
{
    struct batch *batch = call->batch;

    LIST_REMOVE(call, entry);
    if (!batch)
        atomic_fetch_sub(&call->loop->leaked, 1);
    evhttp_connection_free(call->connection);
    event_free(call->over);
    free(call);
    budget_give(CALL_COST, 0, 1);
    if (batch)
        batch_drop(batch);
}

static void on_over(evutil_socket_t fd, short what, void *call)
{
    (void)fd, (void)what;
    free_call(call);
}

/* The answer, a timeout, or an error: the call has ended. libevent still works on the connection.
 */
static void on_end(struct evhttp_request *request, void *arg)
{
    struct call *call = arg;

    (void)request;
    call->ended = true;
    event_active(call->over, EV_TIMEOUT, 0);
}

/* A call with all that it needs, on its loop's list, not yet made. */
static struct call *new_call(struct loop *loop, struct batch *batch)
{
    struct call *call = calloc(1, sizeof(*call));
    struct event *over = evtimer_new(loop->base, on_over, call);
    struct evhttp_request *request = evhttp_request_new(on_end, call);
    struct evhttp_connection *connection =
        evhttp_connection_base_new(loop->base, NULL, "127.0.0.1", upstream);

    if (!call || !over || !request || !connection) {
        if (connection)
            evhttp_connection_free(connection);
        if (request)
            evhttp_request_free(request);
        if (over)
            event_free(over);
        free(call);
        return NULL;
    }
    call->loop = loop;
    call->batch = batch;
    call->connection = connection;
    call->request = request;
    call->over = over;
    LIST_INSERT_HEAD(&loop->calls, call, entry);
    if (batch)
        batch->left++;
    else
        atomic_fetch_add(&loop->leaked, 1);
    return call;
}

/* All or nothing: the newest `made` calls go, and the budget of those that were never made. */
static int undo(struct loop *loop, unsigned made, unsigned n)
{
    for (unsigned i = 0; i < made; i++)
        free_call(LIST_FIRST(&loop->calls));
    budget_give((int64_t)(n - made) * CALL_COST, 0, n - made);
    return -EAGAIN;
}

__attribute__((noinline)) static int client_fixed(struct scene_call *asked)
{
    struct loop *loop = loop_of(asked->base);
    struct batch *batch = calloc(1, sizeof(*batch));
    struct call *call = NULL;
    unsigned made = 0;
    int err = SCENE_LATER;

    if (!loop || !batch || budget_take((int64_t)asked->n * CALL_COST, 0, asked->n) < 0) {
        free(batch);
        return loop && batch ? -ENOSPC : -ENOMEM;
    }
    batch->left = 1; /* until all calls are made */
    while (made < asked->n && err >= 0 && (call = new_call(loop, batch))) {
        made++;
        evhttp_connection_set_timeout_tv(call->connection, &soon);
        if (evhttp_make_request(call->connection, call->request, EVHTTP_REQ_GET, "/report") < 0 ||
            call->ended)
            err = -EAGAIN;
    }
    if (err < 0 || !call)
        err = undo(loop, made, asked->n);
    else
        batch->answer = asked;
    batch_drop(batch);
    return err;
}

__attribute__((noinline)) static int client_leak(struct scene_call *asked)
{
    struct loop *loop = loop_of(asked->base);
    struct call *call = NULL;
    unsigned made = 0;
    int err = 0;

    if (!loop || budget_take((int64_t)asked->n * CALL_COST, 0, asked->n) < 0)
        return loop ? -ENOSPC : -ENOMEM;
    while (made < asked->n && err >= 0 && (call = new_call(loop, NULL))) {
        made++;
        evhttp_connection_set_timeout_tv(call->connection, &a_year); /* the fatal line */
        if (evhttp_make_request(call->connection, call->request, EVHTTP_REQ_GET, "/report") < 0 ||
            call->ended)
            err = -EAGAIN;
    }
    if (err < 0 || !call)
        err = undo(loop, made, asked->n);
    return err;
}

static struct held held_by(int leaked)
{
    return (struct held){
        .bytes = leaked * (int64_t)sizeof(struct call), .objects = leaked, .fds = leaked};
}

static void drop_leaked(void *arg)
{
    struct loop *loop = arg;
    struct call *call, *next;

    for (call = LIST_FIRST(&loop->calls); call; call = next) {
        next = LIST_NEXT(call, entry);
        if (!call->batch)
            free_call(call);
    }
    /* Last: what is on its way out is not counted again. Nobody leaks on this loop meanwhile. */
    atomic_store(&loop->draining, false);
}

static void client_reset(struct held *drained)
{
    int leaked = 0;

    pthread_mutex_lock(&lock);
    for (struct loop *loop = loops; loop; loop = loop->next) {
        if (atomic_load(&loop->leaked) == 0 || atomic_exchange(&loop->draining, true))
            continue;
        leaked += atomic_load(&loop->leaked);
        if (scene_on_loop(loop->base, drop_leaked, loop) < 0)
            atomic_store(&loop->draining, false);
    }
    pthread_mutex_unlock(&lock);
    *drained = held_by(leaked);
}

static struct held client_held(void)
{
    int leaked = 0;

    pthread_mutex_lock(&lock);
    for (struct loop *loop = loops; loop; loop = loop->next)
        leaked += atomic_load(&loop->leaked);
    pthread_mutex_unlock(&lock);
    return held_by(leaked);
}

static int client_start(void)
{
    return peer_start(&upstream);
}

static void client_stop(void)
{
    while (loops) {
        struct loop *loop = loops;

        loops = loop->next;
        while (!LIST_EMPTY(&loop->calls))
            free_call(LIST_FIRST(&loop->calls));
        free(loop);
    }
    peer_stop();
}

LAB_TEXT(client);
const struct scene scene_client = {
    .id = "client",
    .lab = LAB(client),
    .title = "An HTTP client without a timeout",
    .lesson =
        "A call to an upstream that never answers holds its connection until a timeout ends it.",
    .resource = "fds",
    .signature =
        "The fds profile grows by one socket a request, all opened under client_leak and with "
        "one peer; inuse_space grows a little at the same place.",
    .guilty_function = "client_leak",
    .n_max = 1000,
    .start = client_start,
    .stop = client_stop,
    .leak = client_leak,
    .fixed = client_fixed,
    .reset = client_reset,
    .held = client_held,
};
