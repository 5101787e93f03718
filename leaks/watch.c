/*
 * Watch: registrations that pile up behind one descriptor.
 *
 * A dispatcher waits with epoll for the first request of each connection, hands the connection to a
 * worker process that keeps it for hours (a web socket), and closes its own descriptor. close()
 * ends a registration only when the last descriptor of that connection is closed, and the worker
 * has one: the registration stays behind in the dispatcher's epoll. It cannot even be removed any
 * more, for the number that it was made with is gone; only closing the epoll itself helps. inotify
 * has the same shape, with watches that nobody removes.
 *
 * What the profiles show: nothing, at first sight: descriptors, heap and threads are flat. The fds
 * profile has one more value, `registered`: it grows by one a connection, all behind the one epoll
 * that open_dispatcher made. The memory is the kernel's.
 */
#include "holding.h"
#include "peer.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* For the budget: the kernel's side of a connection, and its two descriptors elsewhere. */
enum { CONNECTION_COST = 4 << 10, CONNECTION_FDS = 2, ONE_CALL_MAX = 200 };
enum { SERVED_MAX = 128 }; /* connections of watch_fixed that the workers keep for a while */

static struct holding own = HOLDING;
static int dispatcher = -1; /* the epoll; protected by own.lock */
static unsigned served;     /* by the workers for watch_fixed; protected by own.lock */
static const char request[] = "GET /socket HTTP/1.1\r\nUpgrade: websocket\r\n\r\n";

__attribute__((noinline)) static int open_dispatcher(void)
{
    if (dispatcher < 0)
        dispatcher = epoll_create1(EPOLL_CLOEXEC);
    return dispatcher < 0 ? -errno : 0;
}

/* A client comes and asks; its end is somewhere else. The server's end, or negative errno. */
static int accept_client(enum peer_group group)
{
    int pair[2], err = 0;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    if (send(pair[0], request, sizeof(request) - 1, MSG_NOSIGNAL) < 0)
        err = -errno;
    if (err == 0)
        err = peer_keep(pair[0], group);
    close(pair[0]);
    if (err < 0)
        close(pair[1]);
    return err < 0 ? err : pair[1];
}

static int watch(int connection)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = connection};

    return epoll_ctl(dispatcher, EPOLL_CTL_ADD, connection, &event) < 0 ? -errno : 0;
}

/* Reads the first request of a connection that is ready, which says what it is for. */
static int read_request(void)
{
    struct epoll_event event;
    char text[337];

    if (epoll_wait(dispatcher, &event, 1, 0) != 1)
        return -EAGAIN;
    return recv(event.data.fd, text, sizeof(text), MSG_DONTWAIT) > 0 ? 0 : -errno;
}

/* Takes on that many connections, up to their first request; all or none. Under the lock. */
static int take_on(int *connections, unsigned n, enum peer_group group)
{
    unsigned i = 0;
    int err = open_dispatcher();

    for (; i < n && err == 0; i++) {
        err = connections[i] = accept_client(group);
        if (err < 0)
            break;
        err = watch(connections[i]);
        if (err == 0)
            err = read_request();
    }
    while (err < 0 && i-- > 0) {
        epoll_ctl(dispatcher, EPOLL_CTL_DEL, connections[i], NULL);
        close(connections[i]);
    }
    return err;
}

__attribute__((noinline)) static int watch_fixed(struct scene_call *call)
{
    int connections[ONE_CALL_MAX], err;

    if (budget_take(call->n * (int64_t)CONNECTION_COST, 0, call->n * CONNECTION_FDS) < 0)
        return -ENOSPC;
    pthread_mutex_lock(&own.lock);
    err = take_on(connections, call->n, PEER_WORKER_BRIEFLY);
    for (unsigned i = 0; i < call->n && err == 0; i++) {
        peer_keep(connections[i], PEER_WORKER_BRIEFLY);
        epoll_ctl(dispatcher, EPOLL_CTL_DEL, connections[i], NULL);
        close(connections[i]);
    }
    served += call->n;
    if (served >= SERVED_MAX && peer_let_go(PEER_WORKER_BRIEFLY) == 0)
        served = 0;
    pthread_mutex_unlock(&own.lock);
    budget_give(call->n * (int64_t)CONNECTION_COST, 0, call->n * CONNECTION_FDS);
    return err;
}

__attribute__((noinline)) static int watch_leak(struct scene_call *call)
{
    int connections[ONE_CALL_MAX], err;
    int64_t gone = call->n; /* without a registration */

    if (budget_take(call->n * (int64_t)CONNECTION_COST, 0, call->n * CONNECTION_FDS) < 0)
        return -ENOSPC;
    pthread_mutex_lock(&own.lock);
    err = take_on(connections, call->n, PEER_WORKER);
    for (unsigned i = 0; i < call->n && err == 0; i++) {
        gone -= peer_keep(connections[i], PEER_WORKER) == 0;
        close(connections[i]); /* the fatal line: the worker's copy keeps the registration alive */
    }
    own.held.fds += call->n - gone; /* a registration is a descriptor of the worker's */
    pthread_mutex_unlock(&own.lock);
    budget_give(gone * CONNECTION_COST, 0, gone * CONNECTION_FDS);
    return err;
}

static void watch_reset(struct held *drained)
{
    pthread_mutex_lock(&own.lock);
    if (own.held.fds > 0 && peer_let_go(PEER_WORKER) == 0) {
        *drained = holding_drain(&own);
        close(dispatcher); /* no other way removes them while a worker has them */
        dispatcher = -1;
    }
    pthread_mutex_unlock(&own.lock);
    budget_give(drained->fds * CONNECTION_COST, 0, drained->fds * CONNECTION_FDS);
}

static int watch_start(void)
{
    return peer_start(NULL);
}

static void watch_stop(void)
{
    struct held drained = {0};

    watch_reset(&drained);
    if (dispatcher >= 0)
        close(dispatcher);
    peer_stop();
}

LAB_TEXT(watch);
const struct scene scene_watch = {
    .id = "watch",
    .lab = LAB(watch),
    .title = "Registrations pile up behind one descriptor",
    .lesson = "close() leaves a registration in epoll as long as another process has the "
              "connection; remove it before the connection is handed over.",
    .resource = "registered",
    .signature = "Descriptors, heap and threads are flat; the value registered of the fds profile "
                 "grows by one a connection, behind the epoll that open_dispatcher made.",
    .guilty_function = "open_dispatcher",
    .n_max = ONE_CALL_MAX,
    .start = watch_start,
    .stop = watch_stop,
    .leak = watch_leak,
    .fixed = watch_fixed,
    .reset = watch_reset,
    .holding = &own,
};
