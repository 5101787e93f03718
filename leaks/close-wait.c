/*
 * Close-wait: the peer has closed, and nobody reads the end.
 *
 * A service streams prices to its subscribers. A subscriber says once what it wants to hear and
 * then only listens, so the server, which has nothing to read, does not read. But the end of a
 * connection is something that is read: a subscriber that goes away is noticed by the first write
 * that fails, and on a quiet topic that never comes. The connection stays half closed, with its
 * descriptor, for as long as the server runs.
 *
 * What the profiles show: fds grows by one TCP socket a subscriber at close_wait_leak, and all of
 * them are in CLOSE-WAIT, the state that has no timeout in the kernel: the peer's FIN was
 * acknowledged, and the only thing missing is this program's close().
 */
#include "kept.h"
#include "loopback.h"

#include <errno.h>
#include <stdlib.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

enum {
    SUBSCRIBER_COST = 16 << 10, /* for the budget: libevent's objects, the kernel's two sockets */
    LIBEVENT_BYTES = 944,       /* a bufferevent of four blocks */
    LIBEVENT_OBJECTS = 4
};

struct subscriber {
    struct kept kept;
    struct bufferevent *connection;
    char topic[333];
};

static const char wish[] = "SUBSCRIBE prices/1337\n";

static void end_subscriber(struct kept *kept)
{
    struct subscriber *subscriber = (struct subscriber *)kept;

    bufferevent_free(subscriber->connection); /* closes */
    free(subscriber);
    budget_give(SUBSCRIBER_COST, 0, 1);
}

static struct keeper subscribers =
    KEEPER(end_subscriber, SUBSCRIBER_COST, .bytes = sizeof(struct subscriber) + LIBEVENT_BYTES,
           .objects = 1 + LIBEVENT_OBJECTS, .fds = 1);
static struct door door;

static void on_bytes(struct bufferevent *connection, void *arg)
{
    struct evbuffer *input = bufferevent_get_input(connection);

    (void)arg;
    evbuffer_drain(input, evbuffer_get_length(input)); /* it has said what it wants to hear */
}

static void on_event(struct bufferevent *connection, short what, void *arg)
{
    (void)connection, (void)what;
    kept_end(arg); /* the end, or an error */
}

/* The subscriber, out in the world, says what it wants and goes away soon after. */
static int subscribe_and_leave(void)
{
    int client = loopback_connect(&door), err = client < 0 ? client : 0;

    if (err == 0 && send(client, wish, sizeof(wish) - 1, MSG_NOSIGNAL) < 0)
        err = -errno;
    if (client >= 0)
        close(client);
    return err;
}

/* The descriptor is its own now, also when there is no memory. */
static struct subscriber *new_subscriber(struct event_base *base, int fd)
{
    struct subscriber *subscriber = calloc(1, sizeof(*subscriber));
    struct bufferevent *connection = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);

    if (!subscriber || !connection) {
        if (connection)
            bufferevent_free(connection);
        else
            close(fd);
        free(subscriber);
        return NULL;
    }
    subscriber->connection = connection;
    if (recv(fd, subscriber->topic, sizeof(subscriber->topic) - 1, MSG_DONTWAIT) < 0)
        subscriber->topic[0] = '\0'; /* not yet here: it is dropped when it comes */
    bufferevent_setcb(connection, on_bytes, NULL, on_event, subscriber);
    return subscriber;
}

__attribute__((noinline)) static int close_wait_fixed(struct scene_call *call)
{
    struct round round;
    struct subscriber *subscriber;
    int err = round_start(&round, &subscribers, call, false), fd;

    if (err < 0)
        return err;
    while (round.made < call->n && (err = subscribe_and_leave()) == 0) {
        fd = accept4(door.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        subscriber = fd >= 0 ? new_subscriber(call->base, fd) : NULL;
        if (!subscriber) {
            err = -EAGAIN;
            break;
        }
        bufferevent_enable(subscriber->connection, EV_READ | EV_WRITE);
        round_add(&round, &subscriber->kept);
    }
    return round_end(&round, err);
}

__attribute__((noinline)) static int close_wait_leak(struct scene_call *call)
{
    struct round round;
    struct subscriber *subscriber;
    int err = round_start(&round, &subscribers, call, true), fd;

    if (err < 0)
        return err;
    while (round.made < call->n && (err = subscribe_and_leave()) == 0) {
        fd = accept4(door.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        subscriber = fd >= 0 ? new_subscriber(call->base, fd) : NULL;
        if (!subscriber) {
            err = -EAGAIN;
            break;
        }
        /* the fatal line: who only writes never reads that the other side has closed */
        bufferevent_enable(subscriber->connection, EV_WRITE);
        round_add(&round, &subscriber->kept);
    }
    return round_end(&round, err);
}

static int close_wait_start(void)
{
    return door_open(&door);
}

static void close_wait_stop(void)
{
    close(door.fd);
}

LAB_TEXT(close_wait);
const struct scene scene_close_wait = {
    .id = "close-wait",
    .lab = LAB(close_wait),
    .title = "The peer has closed, and nobody reads the end",
    .lesson = "The end of a connection is something that is read; who only writes to it keeps it "
              "for ever.",
    .resource = "fds",
    .signature = "The fds profile grows by one accepted socket a subscriber at close_wait_leak, "
                 "all of them in CLOSE-WAIT.",
    .guilty_function = "close_wait_leak",
    .n_max = 200,
    .start = close_wait_start,
    .stop = close_wait_stop,
    .leak = close_wait_leak,
    .fixed = close_wait_fixed,
    .keeper = &subscribers,
};
