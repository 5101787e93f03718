/*
 * Bufferevent: freed, but not closed.
 *
 * A service pushes a line of metrics to a collector: a bufferevent connects, writes, and is freed
 * when all is written. bufferevent_free() frees the bufferevent. The socket below it is closed only
 * if the bufferevent was made with BEV_OPT_CLOSE_ON_FREE, and a line copied from an example with 0
 * at the end looks just as good. Nobody has the number of the descriptor afterwards.
 *
 * What the profiles show: fds grows by one ESTABLISHED socket a push, opened by libevent under
 * bufferevent_leak, "last byte out … ago, none in". The heap is flat: all objects are freed, and a
 * search for lost memory finds nothing.
 */
#include "kept.h"
#include "lost.h"
#include "peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/bufferevent.h>

enum { PUSH_COST = 16 << 10 }; /* for the budget: libevent's objects and the kernel's two sockets */

struct push {
    struct kept kept;
    struct bufferevent *connection;
    bool closes; /* its end closes the descriptor, too */
    bool ended;  /* by itself, and not because the request came to nothing */
    char line[173];
};

static struct lost left_open = LOST(lost_close, .beside = PUSH_COST);
static struct sockaddr_in collector;

static void end_push(struct kept *kept)
{
    struct push *push = (struct push *)kept;
    int fd = bufferevent_getfd(push->connection);
    bool stays = !push->closes && fd >= 0;

    bufferevent_free(push->connection);
    /* A request that came to nothing leaves nothing behind, nor does what cannot be remembered. */
    if (stays &&
        (!push->ended || lost_one(&left_open, (struct held){.fds = 1}, (void *)(intptr_t)fd) < 0)) {
        close(fd);
        stays = false;
    }
    if (!stays)
        budget_give(PUSH_COST, 0, 1);
    free(push);
}

static struct keeper pushes = KEEPER(end_push, PUSH_COST, .fds = 1);

static void on_written(struct bufferevent *connection, void *arg)
{
    struct push *push = arg;

    (void)connection;
    push->ended = true;
    kept_end(&push->kept);
}

/* A push that fails is dropped, as there will be another. */
static void on_event(struct bufferevent *connection, short what, void *arg)
{
    if (!(what & BEV_EVENT_CONNECTED))
        on_written(connection, arg);
}

static struct push *new_push(struct event_base *base, int options)
{
    struct push *push = calloc(1, sizeof(*push));
    struct bufferevent *connection = bufferevent_socket_new(base, -1, options);

    if (!push || !connection) {
        if (connection)
            bufferevent_free(connection);
        free(push);
        return NULL;
    }
    push->connection = connection;
    push->closes = options & BEV_OPT_CLOSE_ON_FREE;
    evutil_snprintf(push->line, sizeof(push->line), "requests_total{service=\"shop\"} %d\n", 1337);
    bufferevent_setcb(connection, NULL, on_written, on_event, push);
    bufferevent_write(connection, push->line, strlen(push->line));
    return push;
}

__attribute__((noinline)) static int bufferevent_fixed(struct scene_call *call)
{
    const int options = BEV_OPT_DEFER_CALLBACKS | BEV_OPT_CLOSE_ON_FREE;
    struct round round;
    struct push *push;
    int err = round_start(&round, &pushes, call, false);

    if (err < 0)
        return err;
    while (err == 0 && round.made < call->n) {
        push = new_push(call->base, options);
        if (!push) {
            err = -ENOMEM;
            break;
        }
        round_add(&round, &push->kept);
        if (bufferevent_socket_connect(push->connection, (struct sockaddr *)&collector,
                                       sizeof(collector)) < 0)
            err = -EAGAIN;
    }
    return round_end(&round, err);
}

__attribute__((noinline)) static int bufferevent_leak(struct scene_call *call)
{
    const int options = BEV_OPT_DEFER_CALLBACKS; /* the fatal line: it will not close */
    struct round round;
    struct push *push;
    int err = round_start(&round, &pushes, call, false);

    if (err < 0)
        return err;
    while (err == 0 && round.made < call->n) {
        push = new_push(call->base, options);
        if (!push) {
            err = -ENOMEM;
            break;
        }
        round_add(&round, &push->kept);
        if (bufferevent_socket_connect(push->connection, (struct sockaddr *)&collector,
                                       sizeof(collector)) < 0)
            err = -EAGAIN;
    }
    return round_end(&round, err);
}

static int bufferevent_start(void)
{
    uint16_t port;
    int err = peer_start(&port);

    collector = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return err;
}

static void bufferevent_stop(void)
{
    keeper_stop(&pushes); /* none of them ended by itself, so none of them is lost now */
    peer_stop();
}

LAB_TEXT(bufferevent);
const struct scene scene_bufferevent = {
    .id = "bufferevent",
    .lab = LAB(bufferevent),
    .title = "A bufferevent is freed, and its socket stays open",
    .lesson = "bufferevent_free() closes the socket only if BEV_OPT_CLOSE_ON_FREE was set.",
    .resource = "fds",
    .signature = "The fds profile grows by one ESTABLISHED socket a request, opened by libevent "
                 "under bufferevent_leak; the heap is flat.",
    .guilty_function = "bufferevent_leak",
    .n_max = 500,
    .start = bufferevent_start,
    .stop = bufferevent_stop,
    .leak = bufferevent_leak,
    .fixed = bufferevent_fixed,
    .lost = &left_open,
};
