/*
 * Slow reader: replies are queued to a client that does not read.
 *
 * A live feed pushes updates to its subscribers. bufferevent_write_buffer() always succeeds: what
 * the kernel does not take waits in the output buffer. A subscriber whose laptop was closed takes
 * nothing and says nothing, and every update from then on waits for it. The subscriber is the
 * scene's own: the far end of a socket pair, from which nobody ever reads.
 *
 * What the profiles show: inuse_space grows at slow_reader_leak by libevent's chains of 2 KiB, one
 * an update. Descriptors stay flat: it is one and the same connection that does the harm, and
 * neither a count of clients nor a leak checker sees it.
 */
#include "scene.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

enum {
    UPDATE_BYTES = 1337,
    CHAIN_BYTES = 2048,    /* what libevent 2.1 allocates for an update */
    CAP_BYTES = 24 * 1337, /* may wait for one client */
    KERNEL_BYTES = 8192,   /* the kernel's buffer: small, so that updates soon wait in ours */
    CLIENT_COST = 16 << 10 /* for the budget: libevent's objects and the kernel's two sockets */
};

struct client {
    struct bufferevent *connection; /* NULL: not subscribed. This and far_end: its loop's thread */
    int far_end;
    int64_t paid;         /* budget for the updates that were written to it; its loop's thread */
    atomic_llong waiting; /* bytes in its output buffer */
    atomic_bool subscribed;
};

/* What a request hands to the loop of the clients. */
struct push {
    struct scene_call *call;
    struct evbuffer *updates;
    int64_t cost;
};

/* libevent's objects belong to the loop they were made on, which is that of the first request. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct event_base *home; /* protected by lock; once it is set it stays */
static struct client leaky, fixed;
static atomic_bool draining; /* drop_clients() is on its way */
static atomic_uint updates_made;

static void count_waiting(struct evbuffer *output, const struct evbuffer_cb_info *info, void *arg)
{
    struct client *client = arg;

    (void)output;
    atomic_store(&client->waiting, (long long)(info->orig_size + info->n_added - info->n_deleted));
}

/* Connects it, unless it is connected. 0 or negative errno. */
static int subscribe(struct client *client)
{
    const int bytes = KERNEL_BYTES;
    struct bufferevent *connection;
    int ends[2];

    if (client->connection)
        return 0;
    if (budget_take(CLIENT_COST, 0, 2) < 0)
        return -ENOSPC;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0) {
        budget_give(CLIENT_COST, 0, 2);
        return -EAGAIN;
    }
    setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    connection = bufferevent_socket_new(home, ends[0], BEV_OPT_CLOSE_ON_FREE);
    if (!connection ||
        !evbuffer_add_cb(bufferevent_get_output(connection), count_waiting, client)) {
        if (connection)
            bufferevent_free(connection);
        else
            close(ends[0]);
        close(ends[1]);
        budget_give(CLIENT_COST, 0, 2);
        return -ENOMEM;
    }
    client->connection = connection;
    client->far_end = ends[1];
    atomic_store(&client->subscribed, true);
    return 0;
}

static void unsubscribe(struct client *client)
{
    if (!client->connection)
        return;
    evbuffer_remove_cb(bufferevent_get_output(client->connection), count_waiting, client);
    bufferevent_free(client->connection);
    client->connection = NULL;
    close(client->far_end);
    budget_give(CLIENT_COST + client->paid, 0, 2);
    client->paid = 0;
    atomic_store(&client->waiting, 0);
    atomic_store(&client->subscribed, false);
}

static void write_update(char *text)
{
    unsigned number = atomic_fetch_add_explicit(&updates_made, 1, memory_order_relaxed);

    memset(text, ' ', UPDATE_BYTES);
    snprintf(text, UPDATE_BYTES, "{\"update\":%u,\"price\":%u}", number, 1975 + number % 337);
}

static struct event_base *home_of(struct scene_call *call)
{
    struct event_base *base;

    pthread_mutex_lock(&lock);
    if (!home)
        home = call->base;
    base = home;
    pthread_mutex_unlock(&lock);
    return base;
}

static struct push *new_push(struct scene_call *call)
{
    struct push *push = malloc(sizeof(*push));

    if (!push)
        return NULL;
    *push = (struct push){call, evbuffer_new(), call->n * (int64_t)CHAIN_BYTES};
    if (push->updates)
        return push;
    free(push);
    return NULL;
}

/* The budget that it took goes back, or with the updates to the client. */
static void end_push(struct push *push, int err)
{
    if (err < 0)
        budget_give(push->cost, 0, 0);
    evbuffer_free(push->updates);
    free(push);
}

static void push_fixed(void *arg)
{
    struct push *push = arg;
    struct scene_call *call = push->call;
    int err = subscribe(&fixed);

    if (err == 0 && bufferevent_write_buffer(fixed.connection, push->updates) < 0)
        err = -ENOMEM;
    if (err == 0)
        fixed.paid += push->cost;
    if (err == 0 && evbuffer_get_length(bufferevent_get_output(fixed.connection)) > CAP_BYTES)
        unsubscribe(&fixed); /* who does not read, does not want it */
    end_push(push, err);
    scene_finish(call, err);
}

static void push_leak(void *arg)
{
    struct push *push = arg;
    struct scene_call *call = push->call;
    int err = subscribe(&leaky);

    /* the fatal line: the write never waits and never fails, so nobody asks who reads */
    if (err == 0 && bufferevent_write_buffer(leaky.connection, push->updates) < 0)
        err = -ENOMEM;
    if (err == 0)
        leaky.paid += push->cost;
    end_push(push, err);
    scene_finish(call, err);
}

__attribute__((noinline)) static int slow_reader_fixed(struct scene_call *call)
{
    struct push *push = new_push(call);
    char text[UPDATE_BYTES];
    int err;

    if (!push)
        return -ENOMEM;
    err = budget_take(push->cost, 0, 0);
    if (err < 0)
        push->cost = 0;
    for (unsigned i = 0; i < call->n && err == 0; i++) {
        struct evbuffer *update = evbuffer_new();

        write_update(text);
        if (!update || evbuffer_add(update, text, sizeof(text)) < 0 ||
            evbuffer_add_buffer(push->updates, update) < 0)
            err = -ENOMEM;
        if (update)
            evbuffer_free(update);
    }
    if (err == 0 && (err = scene_on_loop(home_of(call), push_fixed, push)) == 0)
        return SCENE_LATER;
    end_push(push, err);
    return err;
}

__attribute__((noinline)) static int slow_reader_leak(struct scene_call *call)
{
    struct push *push = new_push(call);
    char text[UPDATE_BYTES];
    int err;

    if (!push)
        return -ENOMEM;
    err = budget_take(push->cost, 0, 0);
    if (err < 0)
        push->cost = 0;
    for (unsigned i = 0; i < call->n && err == 0; i++) {
        struct evbuffer *update = evbuffer_new();

        write_update(text);
        if (!update || evbuffer_add(update, text, sizeof(text)) < 0 ||
            evbuffer_add_buffer(push->updates, update) < 0)
            err = -ENOMEM;
        if (update)
            evbuffer_free(update);
    }
    if (err == 0 && (err = scene_on_loop(home_of(call), push_leak, push)) == 0)
        return SCENE_LATER;
    end_push(push, err);
    return err;
}

/* Each update is a chain of its own, and the kernel may have taken part of the first. */
static struct held slow_reader_held(void)
{
    int64_t chains = (atomic_load(&leaky.waiting) + UPDATE_BYTES - 1) / UPDATE_BYTES;

    return (struct held){.bytes = chains * CHAIN_BYTES,
                         .objects = chains,
                         .fds = atomic_load(&leaky.subscribed) ? 2 : 0};
}

static void drop_clients(void *arg)
{
    (void)arg;
    unsubscribe(&leaky);
    unsubscribe(&fixed);
    /* Last: what is on its way out is not counted again. Nobody leaks on this loop meanwhile. */
    atomic_store(&draining, false);
}

static void slow_reader_reset(struct held *drained)
{
    pthread_mutex_lock(&lock);
    if (home && !atomic_exchange(&draining, true)) {
        *drained = slow_reader_held();
        if (scene_on_loop(home, drop_clients, NULL) < 0)
            atomic_store(&draining, false);
    }
    pthread_mutex_unlock(&lock);
}

static void slow_reader_stop(void)
{
    unsubscribe(&leaky);
    unsubscribe(&fixed);
}

LAB_TEXT(slow_reader);
const struct scene scene_slow_reader = {
    .id = "slow-reader",
    .lab = LAB(slow_reader),
    .title = "Replies queue up for a client that does not read",
    .lesson =
        "An output buffer without a cap keeps everything for a client that reads nothing; cap "
        "it and close.",
    .resource = "heap",
    .signature = "inuse_space grows at slow_reader_leak by one of libevent's chains of 2 KiB an "
                 "update; threads and descriptors stay flat, for it is always the same connection.",
    .guilty_function = "slow_reader_leak",
    .n_max = 1000,
    .stop = slow_reader_stop,
    .leak = slow_reader_leak,
    .fixed = slow_reader_fixed,
    .reset = slow_reader_reset,
    .held = slow_reader_held,
};
