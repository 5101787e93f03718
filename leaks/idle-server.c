/*
 * Idle server: clients that send half a request, and a server without a timeout.
 *
 * An upload server reads until it has the whole header. A phone drops out of its network after half
 * of it, a scanner sends one line and waits: no more bytes come, and no end either. The timeout was
 * left for later, as slow uploads have to be allowed. Each such client keeps a connection, its
 * buffers and a descriptor for as long as the server runs; somebody who does it on purpose needs
 * one laptop (slowloris).
 *
 * What the profiles show: fds grows by one TCP socket a client at idle_server_leak, all
 * ESTABLISHED, "last byte in … ago, none out"; the value `idle` grows by a second a second for
 * each. The heap grows with them, slowly.
 */
#include "kept.h"
#include "loopback.h"
#include "peer.h"

#include <errno.h>
#include <stdlib.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

enum {
    UPLOAD_COST = 16 << 10, /* for the budget: libevent's objects, the kernel's two sockets */
    LIBEVENT_BYTES = 1968,  /* a bufferevent of four blocks, and its input */
    LIBEVENT_OBJECTS = 5
};

struct upload {
    struct kept kept;
    struct bufferevent *connection;
    char name[277];
};

static const struct timeval patience = {.tv_usec = 50000};
static const char half[] = "POST /upload HTTP/1.1\r\nContent-Type: image/jp";

static void end_upload(struct kept *kept)
{
    struct upload *upload = (struct upload *)kept;

    bufferevent_free(upload->connection); /* closes */
    free(upload);
    budget_give(UPLOAD_COST, 0, 1);
}

static struct keeper uploads =
    KEEPER(end_upload, UPLOAD_COST, .bytes = sizeof(struct upload) + LIBEVENT_BYTES,
           .objects = 1 + LIBEVENT_OBJECTS, .fds = 1);
static struct door door;

static void on_bytes(struct bufferevent *connection, void *arg)
{
    struct evbuffer *input = bufferevent_get_input(connection);

    if (evbuffer_search(input, "\r\n\r\n", 4, NULL).pos >= 0)
        kept_end(arg); /* a whole request; the answer is another story */
}

static void on_event(struct bufferevent *connection, short what, void *arg)
{
    (void)connection, (void)what;
    kept_end(arg); /* the end, an error or a timeout */
}

/* The client, out in the world: it sends half of a request, and the other process keeps its end. */
static int half_a_request(void)
{
    int client = loopback_connect(&door), err = client < 0 ? client : 0;

    if (err == 0 && send(client, half, sizeof(half) - 1, MSG_NOSIGNAL) < 0)
        err = -errno;
    if (err == 0)
        err = peer_keep(client, PEER_UNTIL_CLOSED);
    if (client >= 0)
        close(client);
    return err;
}

/* The descriptor is its own now, also when there is no memory. */
static struct upload *new_upload(struct event_base *base, int fd)
{
    struct upload *upload = calloc(1, sizeof(*upload));
    struct bufferevent *connection = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);

    if (!upload || !connection) {
        if (connection)
            bufferevent_free(connection);
        else
            close(fd);
        free(upload);
        return NULL;
    }
    upload->connection = connection;
    bufferevent_setcb(connection, on_bytes, NULL, on_event, upload);
    return upload;
}

__attribute__((noinline)) static int idle_server_fixed(struct scene_call *call)
{
    struct round round;
    struct upload *upload;
    int err = round_start(&round, &uploads, call, false), fd;

    if (err < 0)
        return err;
    while (round.made < call->n && (err = half_a_request()) == 0) {
        fd = accept4(door.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        upload = fd >= 0 ? new_upload(call->base, fd) : NULL;
        if (!upload) {
            err = -EAGAIN;
            break;
        }
        bufferevent_set_timeouts(upload->connection, &patience, NULL);
        bufferevent_enable(upload->connection, EV_READ);
        round_add(&round, &upload->kept);
    }
    return round_end(&round, err);
}

__attribute__((noinline)) static int idle_server_leak(struct scene_call *call)
{
    struct round round;
    struct upload *upload;
    int err = round_start(&round, &uploads, call, true), fd;

    if (err < 0)
        return err;
    while (round.made < call->n && (err = half_a_request()) == 0) {
        fd = accept4(door.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        upload = fd >= 0 ? new_upload(call->base, fd) : NULL;
        if (!upload) {
            err = -EAGAIN;
            break;
        }
        /* the fatal line: it waits for the rest of the request, for ever */
        bufferevent_enable(upload->connection, EV_READ);
        round_add(&round, &upload->kept);
    }
    return round_end(&round, err);
}

static int idle_server_start(void)
{
    int err = peer_start(NULL);

    return err < 0 ? err : door_open(&door);
}

static void idle_server_stop(void)
{
    close(door.fd);
    peer_stop();
}

LAB_TEXT(idle_server);
const struct scene scene_idle_server = {
    .id = "idle-server",
    .lab = LAB(idle_server),
    .title = "A server without a timeout",
    .lesson = "A client that sends half a request and falls silent keeps its connection for ever; "
              "give every read a timeout.",
    .resource = "fds",
    .signature = "The fds profile grows by one accepted socket a client at idle_server_leak, all "
                 "ESTABLISHED and silent; the value idle grows by itself, a second a second each.",
    .guilty_function = "idle_server_leak",
    .n_max = 200,
    .start = idle_server_start,
    .stop = idle_server_stop,
    .leak = idle_server_leak,
    .fixed = idle_server_fixed,
    .keeper = &uploads,
};
