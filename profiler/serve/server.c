/*
 * The profiler's HTTP side: one thread, one event loop, one evhttp, and a descriptor table that is
 * this thread's alone (record/self.h). lp_server_start() waits until the thread listens or has
 * failed; from then on nobody else touches the loop, until a signal to that thread asks it to end.
 * So libevent needs no locks, and we do not make it thread-aware: that is a decision for all of the
 * process, and the program's to take.
 *
 * Protected by: `server` belongs to the one who starts and stops it, and to the thread in between,
 * but for `running` and, while that is true, `url`, which anybody may read.
 */
#include "serve/server.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>

#include "inspect/stderr.h"
#include "record/rate.h"
#include "record/self.h"
#include "write/trace.h"
#include "serve/auth.h"
#include "serve/listen.h"
#include "serve/live.h"
#include "serve/periodic.h"
#include "serve/route.h"
#include "serve/trace.h"
#include "serve/pending.h"
#include "profile/store.h"

enum {
    DESCRIPTORS_MIN = 16,
    ACCEPT_AGAIN_SECONDS = 1,
    HEADERS_MAX = 16 << 10,
    BODY_MAX = 1 << 20,
    TIMEOUT_SECONDS = 60
};

static struct server {
    atomic_bool running;
    char url[LP_URL_MAX];
    bool listens; /* else it is there for the trace alone, without url, address, auth and http */
    struct lp_address address;
    struct lp_auth auth;
    char *token;      /* what auth.token points to */
    int64_t trace_ms; /* 0: no line of life */
    int64_t every_ms; /* 0: no periodic snapshots; else so many are kept: */
    size_t keep;
    sem_t ready; /* the thread listens, or `error` says why not */
    int error;
    atomic_bool stopping;
    struct event_base *base;
    struct evhttp *http;
    struct event *stop, *accept_again;
    pthread_t thread;
} server;

/* Blocked in this thread, as all are, and used by hardly any program. It is never read: a
 * process-wide one would be the program's. */
static int stop_signal(void)
{
    return SIGRTMAX;
}

static void on_signal(evutil_socket_t fd, short what, void *base)
{
    (void)fd, (void)what;
    if (atomic_load(&server.stopping))
        event_base_loopbreak(base);
}

static void release(void)
{
    lp_pending_drop();
    lp_live_stop();
    lp_trace_stop();
    lp_periodic_stop();
    if (server.http)
        evhttp_free(server.http); /* closes all connections and the listening socket */
    if (server.stop)
        event_free(server.stop);
    if (server.accept_again)
        event_free(server.accept_again);
    if (server.base)
        event_base_free(server.base);
    server.http = NULL;
    server.stop = server.accept_again = NULL;
    server.base = NULL;
}

/* As many clients as this thread may have descriptors: libevent would try again at once, for ever.
 */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
    (void)arg;
    evconnlistener_disable(listener);
    event_add(server.accept_again, &(struct timeval){.tv_sec = ACCEPT_AGAIN_SECONDS});
}

static void on_accept_again(evutil_socket_t fd, short what, void *listener)
{
    (void)fd, (void)what;
    evconnlistener_enable(listener);
}

/* The environment must not choose libevent's backend: wait.c relies on what epoll can do. */
static struct event_base *new_base(void)
{
    struct event_config *config = event_config_new();
    if (!config)
        return NULL;
    event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV);
    event_config_require_features(config, EV_FEATURE_ET | EV_FEATURE_EARLY_CLOSE);
    struct event_base *base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

static int set_up_http(int listen_fd)
{
    server.http = evhttp_new(server.base);
    if (!server.http)
        return -ENOMEM;
    struct evhttp_bound_socket *bound = evhttp_accept_socket_with_handle(server.http, listen_fd);
    struct evconnlistener *listener = bound ? evhttp_bound_socket_get_listener(bound) : NULL;
    server.accept_again = evtimer_new(server.base, on_accept_again, listener);
    if (!listener || !server.accept_again)
        return -ENOMEM;
    evconnlistener_set_error_cb(listener, on_accept_error);
    evhttp_set_max_headers_size(server.http, HEADERS_MAX);
    evhttp_set_max_body_size(server.http, BODY_MAX);
    evhttp_set_timeout(server.http, TIMEOUT_SECONDS);
    evhttp_set_default_content_type(server.http, NULL);
    /* All that a client may try, so that what is refused is refused in our words. */
    evhttp_set_allowed_methods(server.http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST |
                                                EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |
                                                EVHTTP_REQ_PATCH | EVHTTP_REQ_OPTIONS);
    evhttp_set_gencb(server.http, lp_route, &server.auth);
    return 0;
}

/* libevent ends the process where it finds no descriptors for itself. */
static int room_for_descriptors(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < DESCRIPTORS_MIN ? -EMFILE : 0;
}

/* What it opens is closed with the thread, if not before. */
static int set_up(void)
{
    int error = room_for_descriptors();
    if (!error)
        error = lp_own_thread_enter();
    int listen_fd =
        error || !server.listens ? error : lp_address_listen(&server.address, server.url);
    if (listen_fd < 0)
        return listen_fd;
    server.base = new_base();
    if (!server.base)
        return -ENOMEM;
    if (server.listens)
        error = set_up_http(listen_fd);
    if (!error && server.listens)
        error = lp_live_start(server.base);
    if (!error && server.trace_ms)
        error = lp_trace_start(server.base, server.trace_ms);
    if (!error)
        error = lp_periodic_start(server.base, server.every_ms, server.keep);
    if (error)
        return error;

    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, stop_signal());
    int signal_fd = signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signal_fd < 0)
        return -errno;
    server.stop =
        event_new(server.base, signal_fd, EV_READ | EV_ET | EV_PERSIST, on_signal, server.base);
    return server.stop && event_add(server.stop, NULL) == 0 ? 0 : -ENOMEM;
}

static void *serve(void *arg)
{
    pthread_setname_np(pthread_self(), "leakprof");
    int error = server.error = set_up();
    sem_post(&server.ready);
    if (!error)
        event_base_dispatch(server.base);
    release();
    lp_own_thread_leave();
    return arg;
}

/* Signals are the program's: none of them is to land in this thread. */
static int start_thread(void)
{
    sigset_t all, kept;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &kept);
    int error = pthread_create(&server.thread, NULL, serve, NULL);
    pthread_sigmask(SIG_SETMASK, &kept, NULL);
    return -error;
}

/* A forked child has neither the thread nor its descriptors. It may call leakprof_start() itself;
 * the parent's loop is left where it is. */
static void forget_in_child(void)
{
    if (!atomic_load(&server.running))
        return;
    lp_pending_forked();
    lp_live_forked();
    lp_trace_forked();
    lp_periodic_forked();
    lp_store_forked();
    server.base = NULL;
    server.http = NULL;
    server.stop = server.accept_again = NULL;
    atomic_store(&server.running, false);
}

static int start_and_wait(void)
{
    sem_init(&server.ready, 0, 0);
    atomic_store(&server.stopping, false);
    int error = start_thread();
    if (error)
        return error;
    while (sem_wait(&server.ready) != 0)
        ; /* a signal handler of the program's ran */
    if (server.error)
        pthread_join(server.thread, NULL);
    return server.error;
}

/* What is to go on besides serving. */
struct periods {
    int64_t trace_ms, every_ms, keep; /* the first two: 0 for none */
};

static int start(const struct lp_address *address, const char *token, const struct periods *periods)
{
    static bool fork_watched;
    if (!fork_watched) {
        int error = pthread_atfork(NULL, NULL, forget_in_child);
        if (error)
            return -error;
        fork_watched = true;
    }
    server.token = token ? strdup(token) : NULL;
    if (token && !server.token)
        return -ENOMEM;
    server.url[0] = '\0';
    server.listens = address != NULL;
    if (address) {
        server.address = *address;
        server.auth = (struct lp_auth){.token = server.token, .loopback = address->loopback};
    }
    server.trace_ms = periods->trace_ms;
    server.every_ms = address ? periods->every_ms : 0;
    server.keep = (size_t)periods->keep;
    if (server.trace_ms)
        lp_stderr_remember();
    int error = start_and_wait();
    if (error)
        free(server.token);
    return error;
}

/* What the options say (a negative one: none), else the environment; 0: none. */
static int64_t period_of(int64_t given, const char *variable)
{
    if (given)
        return given < 0 ? 0 : given;
    const char *text = getenv(variable);
    int64_t period = text && *text ? lp_trace_period(text) : 0;
    if (period >= 0)
        return period;
    dprintf(STDERR_FILENO, "leakprof: %s: %.80s: not " LP_TRACE_ALLOWED "\n", variable, text);
    return 0;
}

static int64_t keep_of(int64_t given)
{
    const char *text = given ? NULL : getenv("LEAKPROF_SNAPSHOT_KEEP");
    if (!text || !*text)
        return given ? given : LP_PERIODIC_KEEP;
    char *end;
    long keep = strtol(text, &end, 10);
    if (*end == '\0' && keep >= LP_PERIODIC_KEEP_MIN && keep <= LP_PERIODIC_KEEP_MAX)
        return keep;
    dprintf(STDERR_FILENO, "leakprof: LEAKPROF_SNAPSHOT_KEEP: %.80s: not a number from %d to %d\n",
            text, LP_PERIODIC_KEEP_MIN, LP_PERIODIC_KEEP_MAX);
    return LP_PERIODIC_KEEP;
}

/* -1 means none in both. */
static bool good_period(int64_t ms)
{
    return ms == 0 || ms == -1 || (ms >= LP_TRACE_MS_MIN && ms <= LP_TRACE_MS_MAX);
}

static bool good_periods(const struct leakprof_options *options)
{
    return good_period(options->trace_ms) && good_period(options->snapshot_every_ms) &&
           (options->snapshot_keep == 0 || (options->snapshot_keep >= LP_PERIODIC_KEEP_MIN &&
                                            options->snapshot_keep <= LP_PERIODIC_KEEP_MAX));
}

int lp_server_start(const struct leakprof_options *options)
{
    struct lp_address address = {.loopback = true};
    const char *token = options->token;
    if (atomic_load(&server.running))
        return -EALREADY;
    if ((options->listen && lp_address_parse(options->listen, &address) != 0) ||
        (token && !*token) || options->rate < LEAKPROF_RATE_KEEP || options->rate > LP_RATE_MAX)
        return -EINVAL;
    if (!good_periods(options))
        return -EINVAL;
    if (!address.loopback && !token)
        return -EACCES;
    const struct periods periods = {
        .trace_ms = period_of(options->trace_ms, "LEAKPROF_TRACE"),
        .every_ms = period_of(options->snapshot_every_ms, "LEAKPROF_SNAPSHOT_EVERY"),
        .keep = keep_of(options->snapshot_keep)};
    if (!options->listen && !periods.trace_ms)
        return -EINVAL;

    int previous = lp_own_enter();
    int error = start(options->listen ? &address : NULL, token, &periods);
    lp_own_leave(previous);
    if (error)
        return error;
    if (options->rate != LEAKPROF_RATE_KEEP)
        lp_rate_set(options->rate);
    atomic_store(&server.running, true);
    return 0;
}

void lp_server_stop(void)
{
    if (!atomic_exchange(&server.running, false))
        return;
    int previous = lp_own_enter();
    atomic_store(&server.stopping, true);
    pthread_kill(server.thread, stop_signal());
    pthread_join(server.thread, NULL);
    free(server.token);
    lp_own_leave(previous);
}

const char *lp_server_url(void)
{
    return atomic_load(&server.running) ? server.url : "";
}
