/*
 * The loops. See front.h for the model.
 *
 * Binding: a second server with SO_REUSEPORT could join the port of the first and take half of its
 * requests. So the port is first bound without it, which fails if another process listens there,
 * and is held until all listeners are bound.
 */
#include "front.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include "leakprof_evhttp.h"
#include "scene.h"

/* HEAD_MAX is larger than the limits in front.h. Between the two, a route refuses the request and
 * reports what is too long. Beyond HEAD_MAX, evhttp refuses the request, and can only report that
 * it is invalid. */
enum { IDLE_SECONDS = 60, BACKLOG = 1024, HEAD_MAX = 64 << 10, BODY_MAX = 64 << 10 };

/* Of all loops together; less if the system gives less. */
enum {
    INPUT_MAX = 32 << 20,
    OUTPUT_MIN = 4 << 20,
    OUTPUT_MAX = 128 << 20,
    CONNECTIONS_MIN = 64,
    CONNECTIONS_MAX = 8192
};

/* Jobs are looked for this often, in case that eventfd_write() fails. */
static const struct timeval LOOK_AGAIN = {.tv_sec = 1};

struct loop {
    struct event_base *base;
    struct evhttp *http;
    struct evhttp_bound_socket *bound;
    struct leakprof_evhttp_gate *gate;
    struct event *wake, *look;
    int wake_fd, number;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    struct job *first, **last; /* protected by lock */
    struct job quiet, end;     /* at the end, no memory is needed */
};

static struct loop *loops;
static int nloops;
static struct leakprof_address address;
static atomic_bool stopping;
static _Thread_local struct loop *here;

static void run_jobs(evutil_socket_t fd, short what, void *arg)
{
    struct loop *loop = arg;
    struct job *job;
    eventfd_t count;

    (void)fd, (void)what;
    eventfd_read(loop->wake_fd, &count);
    pthread_mutex_lock(&loop->lock);
    job = loop->first;
    loop->first = NULL;
    loop->last = &loop->first;
    pthread_mutex_unlock(&loop->lock);

    while (job) {
        struct job *next = job->next; /* run() may free the job */

        job->run(job);
        job = next;
    }
}

void front_post(struct loop *loop, struct job *job)
{
    bool wake;

    job->next = NULL;
    pthread_mutex_lock(&loop->lock);
    wake = loop->first == NULL;
    *loop->last = job;
    loop->last = &job->next;
    pthread_mutex_unlock(&loop->lock);
    if (wake)
        eventfd_write(loop->wake_fd, 1);
}

struct call_job {
    struct job job;
    void (*fn)(void *arg);
    void *arg;
};

static void run_call(struct job *job)
{
    struct call_job *call = (struct call_job *)job;

    call->fn(call->arg);
    free(call);
}

int scene_on_loop(struct event_base *base, void (*fn)(void *arg), void *arg)
{
    struct call_job *call;

    for (int i = 0; i < nloops; i++) {
        if (loops[i].base != base)
            continue;
        if (!(call = malloc(sizeof(*call))))
            return -ENOMEM;
        *call = (struct call_job){.job.run = run_call, .fn = fn, .arg = arg};
        front_post(&loops[i], &call->job);
        return 0;
    }
    return -EINVAL;
}

static int bind_one(const struct leakprof_address *to, bool shared)
{
    int on = 1, err;
    int fd = socket(to->socket.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        (shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0) ||
        bind(fd, (const struct sockaddr *)&to->socket, to->length) < 0) {
        err = -errno;
        close(fd);
        return err;
    }
    return fd;
}

/* Out of descriptors. */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
    (void)listener, (void)arg;
    leakprof_evhttp_pause(here->gate);
}

static int64_t clamp(int64_t n, int64_t min, int64_t max)
{
    return n < min ? min : n > max ? max : n;
}

static int make_loop(struct loop *loop, int number, const struct leakprof_evhttp_limits *limits,
                     void (*handle)(struct evhttp_request *request, void *loop))
{
    const struct timeval *idle;

    loop->number = number;
    loop->last = &loop->first;
    pthread_mutex_init(&loop->lock, NULL);
    loop->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (loop->wake_fd < 0)
        return -errno;
    if (!(loop->base = event_base_new()) || !(loop->http = evhttp_new(loop->base)) ||
        !(loop->wake =
              event_new(loop->base, loop->wake_fd, EV_READ | EV_PERSIST, run_jobs, loop)) ||
        event_add(loop->wake, NULL) < 0 ||
        !(loop->look = event_new(loop->base, -1, EV_PERSIST, run_jobs, loop)) ||
        event_add(loop->look, &LOOK_AGAIN) < 0 ||
        !(loop->gate = leakprof_evhttp_limit(loop->http, loop->base, limits)))
        return -ENOMEM;

    evhttp_set_allowed_methods(loop->http, UINT16_MAX); /* the routes give the reason */
    /* All connections have the same time-out, so libevent can keep a queue, not a heap. */
    idle = event_base_init_common_timeout(loop->base, &(struct timeval){.tv_sec = IDLE_SECONDS});
    if (!idle)
        return -ENOMEM;
    evhttp_set_timeout_tv(loop->http, idle);
    evhttp_set_gencb(loop->http, handle, loop);
    return 0;
}

static int listen_on(struct loop *loop)
{
    int fd = bind_one(&address, true), err;

    if (fd < 0)
        return fd;
    if (listen(fd, BACKLOG) < 0) {
        err = -errno;
        close(fd);
        return err;
    }
    loop->bound = leakprof_evhttp_accept(loop->base, loop->http, fd);
    if (!loop->bound)
        return -ENOMEM;
    evconnlistener_set_error_cb(evhttp_bound_socket_get_listener(loop->bound), on_accept_error);
    return 0;
}

static void *run(void *arg)
{
    char name[16];

    here = arg;
    snprintf(name, sizeof(name), "loop-%d", here->number);
    pthread_setname_np(pthread_self(), name);
    event_base_loop(here->base, EVLOOP_NO_EXIT_ON_EMPTY);
    return NULL;
}

/* The share of one loop. */
static void set_limits(struct leakprof_evhttp_limits *limits, int n)
{
    struct leakprof_limits system;

    leakprof_limits(&system);
    limits->head_max = HEAD_MAX;
    limits->body_max = BODY_MAX;
    limits->input_max = (size_t)clamp(system.memory / 8, HEAD_MAX + BODY_MAX, INPUT_MAX) / n;
    limits->output_max = (size_t)clamp(system.memory / 8, OUTPUT_MIN, OUTPUT_MAX) / n;
    limits->connections_max = (int)clamp(system.fds / 2, CONNECTIONS_MIN, CONNECTIONS_MAX) / n;
}

int front_start(const struct leakprof_address *at, int n, const struct leakprof_guard *guard,
                void (*handle)(struct evhttp_request *request, void *loop))
{
    struct leakprof_evhttp_limits limits = {.guard = guard};
    int held = -1, err = 0;

    set_limits(&limits, n);
    address = *at;
    loops = calloc((size_t)n, sizeof(*loops));
    if (!loops)
        return -ENOMEM;
    for (; nloops < n && err == 0; nloops++)
        err = make_loop(&loops[nloops], nloops, &limits, handle);
    if (err == 0)
        err = held = bind_one(&address, false);
    if (err >= 0)
        err = leakprof_address_bound(held, &address);
    for (int i = 0; i < n && err == 0; i++)
        err = listen_on(&loops[i]);
    if (held >= 0)
        close(held);
    for (int i = 0; i < n && err == 0; i++) {
        err = -pthread_create(&loops[i].thread, NULL, run, &loops[i]);
        loops[i].started = err == 0;
    }
    if (err < 0) {
        front_stop();
        front_free();
    }
    return err;
}

const char *front_address(void)
{
    return address.text;
}

bool front_crowded(struct loop *loop)
{
    return leakprof_evhttp_crowded(loop->gate);
}

struct event_base *front_base(struct loop *loop)
{
    return loop->base;
}

bool front_stopping(void)
{
    return atomic_load_explicit(&stopping, memory_order_relaxed);
}

static void stop_accepting(struct job *job)
{
    (void)job;
    evhttp_del_accept_socket(here->http, here->bound);
    here->bound = NULL;
}

void front_quiesce(void)
{
    atomic_store(&stopping, true);
    for (int i = 0; i < nloops; i++) {
        loops[i].quiet.run = stop_accepting;
        front_post(&loops[i], &loops[i].quiet);
    }
}

static void break_loop(struct job *job)
{
    (void)job;
    event_base_loopbreak(here->base);
}

void front_stop(void)
{
    for (int i = 0; i < nloops; i++)
        if (loops[i].started) {
            loops[i].end.run = break_loop;
            front_post(&loops[i], &loops[i].end);
        }
    for (int i = 0; i < nloops; i++)
        if (loops[i].started)
            pthread_join(loops[i].thread, NULL);
}

void front_free(void)
{
    for (int i = 0; i < nloops; i++) {
        struct loop *loop = &loops[i];

        if (loop->http)
            evhttp_free(loop->http);
        leakprof_evhttp_unlimit(loop->gate);
        if (loop->look)
            event_free(loop->look);
        if (loop->wake)
            event_free(loop->wake);
        if (loop->wake_fd >= 0)
            close(loop->wake_fd);
        if (loop->base)
            event_base_free(loop->base);
        pthread_mutex_destroy(&loop->lock);
    }
    free(loops);
    loops = NULL;
    nloops = 0;
}
