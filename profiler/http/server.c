/*
 * The profiler's HTTP side: one thread, one event loop, one evhttp. Everything that can fail fails
 * in leakprof_start(), in the caller's thread; then the thread takes the loop over and nobody else
 * touches it, until an eventfd asks it to end. So libevent needs no locks, and we do not make it
 * thread-aware: that is a decision for all of the process, and the program's to take.
 *
 * Protected by: `server` belongs to the one who starts and stops it, but for `running` and, while
 * that is true, `url`, which anybody may read.
 */
#include "leakprof.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>

#include "capture/rate.h"
#include "capture/self.h"
#include "http/auth.h"
#include "http/listen.h"
#include "http/route.h"
#include "http/wait.h"

#define EXPORTED __attribute__((visibility("default")))

enum { BASE_FDS = 6, HEADERS_MAX = 16 << 10, BODY_MAX = 1 << 20, TIMEOUT_SECONDS = 60 };

static struct server {
    atomic_bool running;
    char url[LP_URL_MAX];
    struct lp_auth auth;
    char *token;            /* what auth.token points to */
    int listen_fd, stop_fd; /* listen_fd is evhttp's once there is one */
    struct event_base *base;
    struct evhttp *http;
    struct event *stop;
    pthread_t thread;
} server;

static void on_stop(evutil_socket_t fd, short what, void *base)
{
    (void)fd, (void)what;
    event_base_loopbreak(base);
}

static void release(void)
{
    lp_waits_drop();
    lp_spares_release();
    if (server.http)
        evhttp_free(server.http); /* closes all connections and the listening socket */
    else if (server.listen_fd >= 0)
        close(server.listen_fd);
    if (server.stop)
        event_free(server.stop);
    if (server.base)
        event_base_free(server.base);
    server.listen_fd = -1;
    server.http = NULL;
    server.stop = NULL;
    server.base = NULL;
}

static void *serve(void *arg)
{
    lp_own_thread_enter();
    pthread_setname_np(pthread_self(), "leakprof");
    event_base_dispatch(server.base);
    release();
    lp_own_thread_leave();
    return arg;
}

/* libevent ends the process where it finds no descriptors for its own pipe. */
static int room_for_base(void)
{
    int fds[BASE_FDS], n = 0, error = 0;
    while (!error && n < BASE_FDS) {
        fds[n] = eventfd(0, EFD_CLOEXEC);
        if (fds[n] < 0)
            error = -errno;
        else
            n++;
    }
    while (n > 0)
        close(fds[--n]);
    return error;
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

static int set_up_http(void)
{
    server.http = evhttp_new(server.base);
    if (!server.http)
        return -ENOMEM;
    struct evhttp_bound_socket *bound =
        evhttp_accept_socket_with_handle(server.http, server.listen_fd);
    if (!bound) {
        evhttp_free(server.http);
        server.http = NULL;
        return -ENOMEM;
    }
    evhttp_set_max_headers_size(server.http, HEADERS_MAX);
    evhttp_set_max_body_size(server.http, BODY_MAX);
    evhttp_set_timeout(server.http, TIMEOUT_SECONDS);
    evhttp_set_default_content_type(server.http, NULL);
    /* All that a client may try, so that what is refused is refused in our words. */
    evhttp_set_allowed_methods(server.http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST |
                                                EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |
                                                EVHTTP_REQ_PATCH | EVHTTP_REQ_OPTIONS);
    evhttp_set_gencb(server.http, lp_route, &server.auth);
    return lp_spares_keep(server.base, evhttp_bound_socket_get_listener(bound));
}

static int set_up(const struct lp_address *address)
{
    server.listen_fd = lp_address_listen(address, server.url);
    if (server.listen_fd < 0)
        return server.listen_fd;
    server.stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (server.stop_fd < 0)
        return -errno;
    int error = room_for_base();
    if (error)
        return error;
    server.base = new_base();
    if (!server.base)
        return -ENOMEM;
    server.stop = event_new(server.base, server.stop_fd, EV_READ, on_stop, server.base);
    if (!server.stop || event_add(server.stop, NULL) != 0)
        return -ENOMEM;
    return set_up_http();
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

/* A forked child has the descriptors but not the thread. It lets go of the port, so that the parent
 * can start anew, and may call leakprof_start() itself; the parent's loop is left where it is. */
static void forget_in_child(void)
{
    if (!atomic_load(&server.running))
        return;
    int previous = lp_own_enter();
    close(server.listen_fd);
    close(server.stop_fd);
    lp_spares_forked();
    lp_waits_forked();
    lp_own_leave(previous);
    server.base = NULL;
    server.http = NULL;
    server.stop = NULL;
    atomic_store(&server.running, false);
}

static int start(const struct lp_address *address, const char *token)
{
    static bool fork_watched;
    server.listen_fd = server.stop_fd = -1;
    server.token = token ? strdup(token) : NULL;
    server.auth = (struct lp_auth){.token = server.token, .loopback = address->loopback};
    int error = token && !server.token ? -ENOMEM : set_up(address);
    if (!error && !fork_watched) {
        error = -pthread_atfork(NULL, NULL, forget_in_child);
        fork_watched = !error;
    }
    if (!error)
        error = start_thread();
    if (!error)
        return 0;
    release();
    if (server.stop_fd >= 0)
        close(server.stop_fd);
    free(server.token);
    return error;
}

EXPORTED int leakprof_start(const struct leakprof_options *options)
{
    struct lp_address address;
    const char *token = options->token;
    if (atomic_load(&server.running))
        return -EALREADY;
    if (lp_address_parse(options->listen, &address) != 0 || (token && !*token) ||
        options->rate < LEAKPROF_RATE_KEEP || options->rate > LP_RATE_MAX)
        return -EINVAL;
    if (!address.loopback && !token)
        return -EACCES;

    int previous = lp_own_enter();
    int error = start(&address, token);
    lp_own_leave(previous);
    if (error)
        return error;
    if (options->rate != LEAKPROF_RATE_KEEP)
        lp_rate_set(options->rate);
    atomic_store(&server.running, true);
    return 0;
}

EXPORTED void leakprof_stop(void)
{
    if (!atomic_exchange(&server.running, false))
        return;
    int previous = lp_own_enter();
    eventfd_write(server.stop_fd, 1);
    pthread_join(server.thread, NULL);
    close(server.stop_fd);
    free(server.token);
    lp_own_leave(previous);
}

EXPORTED const char *leakprof_url(void)
{
    return atomic_load(&server.running) ? server.url : "";
}
