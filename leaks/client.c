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
#include "kept.h"
#include "peer.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include <event2/event.h>
#include <event2/http.h>

enum { CALL_COST = 16 << 10 }; /* for the budget: libevent's objects and the kernel's two sockets */

static const struct timeval soon = {.tv_usec = 50000};
static const struct timeval a_year = {.tv_sec = 365 * 86400};

struct call {
    struct kept kept;
    struct evhttp_connection *connection;
    struct evhttp_request *request; /* libevent's, once it is made */
    struct event *over;             /* ends the call, outside of its own connection's callback */
    bool ended;
    char trace[97];
};

static uint16_t upstream;

static void end_call(struct kept *kept)
{
    struct call *call = (struct call *)kept;

    evhttp_connection_free(call->connection);
    event_free(call->over);
    free(call);
    budget_give(CALL_COST, 0, 1);
}

static struct keeper calls =
    KEEPER(end_call, CALL_COST, .bytes = sizeof(struct call), .objects = 1, .fds = 1);

static void on_over(evutil_socket_t fd, short what, void *call)
{
    (void)fd, (void)what;
    kept_end(call);
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

/* A call with all that it needs, not yet made. */
static struct call *new_call(struct event_base *base)
{
    struct call *call = calloc(1, sizeof(*call));
    struct event *over = evtimer_new(base, on_over, call);
    struct evhttp_request *request = evhttp_request_new(on_end, call);
    struct evhttp_connection *connection =
        evhttp_connection_base_new(base, NULL, "127.0.0.1", upstream);

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
    call->connection = connection;
    call->request = request;
    call->over = over;
    return call;
}

__attribute__((noinline)) static int client_fixed(struct scene_call *asked)
{
    struct round round;
    int err = round_start(&round, &calls, asked, false);

    if (err < 0)
        return err;
    while (round.made < asked->n && err == 0) {
        struct call *call = new_call(asked->base);

        if (!call) {
            err = -EAGAIN;
            break;
        }
        round_add(&round, &call->kept);
        evhttp_connection_set_timeout_tv(call->connection, &soon);
        if (evhttp_make_request(call->connection, call->request, EVHTTP_REQ_GET, "/report") < 0 ||
            call->ended)
            err = -EAGAIN;
    }
    return round_end(&round, err);
}

__attribute__((noinline)) static int client_leak(struct scene_call *asked)
{
    struct round round;
    int err = round_start(&round, &calls, asked, true);

    if (err < 0)
        return err;
    while (round.made < asked->n && err == 0) {
        struct call *call = new_call(asked->base);

        if (!call) {
            err = -EAGAIN;
            break;
        }
        round_add(&round, &call->kept);
        evhttp_connection_set_timeout_tv(call->connection, &a_year); /* the fatal line */
        if (evhttp_make_request(call->connection, call->request, EVHTTP_REQ_GET, "/report") < 0 ||
            call->ended)
            err = -EAGAIN;
    }
    return round_end(&round, err);
}

static int client_start(void)
{
    return peer_start(&upstream);
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
    .stop = peer_stop,
    .leak = client_leak,
    .fixed = client_fixed,
    .keeper = &calls,
};
