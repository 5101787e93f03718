/*
 * The profiler's HTTP server: one thread, one event loop, one evhttp, and a descriptor table of the
 * profiler's (record/self.h). Two other threads do what takes long (serve/helpers.h). They do not
 * touch the loop. A signal to this thread ends it. So libevent needs no locks, and we do not enable
 * its thread support: that would affect the whole process, so it is the program's decision.
 *
 * The members of `server` are used by the thread that runs it. Any thread may read `stopping` and
 * `tid`.
 */
#include "serve/server.h"

#include <errno.h>
#include <locale.h>
#include <setjmp.h>
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

#include "leakprof_evhttp.h"
#include "leakprof_server.h"
#include "inspect/stderr.h"
#include "sys/syscall.h"
#include "inspect/vmas.h"
#include "record/autorate.h"
#include "record/rate.h"
#include "record/self.h"
#include "record/served.h"
#include "write/trace.h"
#include "serve/follow.h"
#include "serve/listen.h"
#include "serve/live.h"
#include "serve/periodic.h"
#include "serve/processes.h"
#include "serve/reply.h"
#include "serve/route.h"
#include "serve/stale.h"
#include "serve/trace.h"
#include "serve/pending.h"
#include "serve/work.h"
#include "profile/store.h"
#include "sys/valgrind.h"

enum {
    DESCRIPTORS_MIN = 16,
    HEADERS_MAX = 16 << 10,
    BODY_MAX = 1 << 20,
    TIMEOUT_SECONDS = 60,
    CONNECTIONS_MAX = 256,
    INPUT_MAX = 8 << 20, /* at most, and at most an eighth of what the process may use */
    OUTPUT_MAX = 64 << 20,
    ANSWER_MAX = 512 << 20, /* one answer: at most, and at most a quarter */
    ANSWER_MIN = 16 << 20
};

static struct server {
    char url[LP_URL_MAX];
    struct lp_listen listen;
    struct leakprof_guard guard;
    atomic_bool stopping;
    _Atomic pid_t tid; /* the thread that runs the server; 0: none */
    struct event_base *base;
    struct evhttp *http;
    struct leakprof_evhttp_gate *gate;
    struct evhttp_bound_socket *bound; /* at server.url */
    const char *token;
    struct event *stop;
    jmp_buf abandoned;
    void (*ready)(int error, const char *url, void *arg);
    void *arg;
} server;

/* What runs besides serving. */
struct periods {
    int64_t trace_ms, every_ms, keep; /* trace_ms and every_ms: 0 for none */
    bool again;                       /* keep the schedule of snapshots */
};

/* The signal that ends the loop. It is blocked in this thread, as all are, and hardly any program
 * uses it. The loop never consumes it: one sent to the whole process would be the program's.
 * valgrind needs the last signal for itself and delivers it to nobody. */
static int stop_signal(void)
{
    return lp_sys_valgrind() ? SIGRTMAX - 1 : SIGRTMAX;
}

static void on_signal(evutil_socket_t fd, short what, void *base)
{
    (void)fd, (void)what;
    if (atomic_load(&server.stopping))
        event_base_loopbreak(base);
}

/* Without touching what is in it. */
static void forget_loop(void)
{
    lp_pending_forked();
    lp_work_forked();
    lp_live_forked();
    lp_trace_forked();
    lp_periodic_forked();
    lp_follow_forked();
    server.base = NULL;
    server.http = NULL;
    server.gate = NULL;
    server.stop = NULL;
}

static void release(void)
{
    lp_work_stop();
    lp_pending_drop();
    lp_live_stop();
    lp_trace_stop();
    lp_periodic_stop();
    lp_follow_stop();
    if (server.http)
        evhttp_free(server.http); /* closes all connections and the listening socket */
    leakprof_evhttp_unlimit(server.gate);
    if (*server.url)
        lp_listen_remove(server.url);
    if (server.stop)
        event_free(server.stop);
    if (server.base)
        event_base_free(server.base);
    server.http = NULL;
    server.gate = NULL;
    server.stop = NULL;
    server.base = NULL;
}

/* The thread is out of descriptors. */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
    (void)listener, (void)arg;
    leakprof_evhttp_pause(server.gate);
}

static void watch_accept_errors(struct evhttp_bound_socket *bound)
{
    evconnlistener_set_error_cb(evhttp_bound_socket_get_listener(bound), on_accept_error);
}

static void enter_list(int error)
{
    struct lp_served entry = {.error = error};
    memcpy(entry.url, server.url, sizeof entry.url);
    lp_processes_enter(&entry);
}

/* Closes the listening socket that it had. Its connections stay. */
static void move_to(struct evhttp_bound_socket *bound, const char *url)
{
    watch_accept_errors(bound);
    evhttp_del_accept_socket(server.http, server.bound);
    lp_listen_remove(server.url);
    server.bound = bound;
    snprintf(server.url, sizeof server.url, "%s", url);
    enter_list(0);
    server.ready(0, server.url, server.arg);
}

static int follow(pid_t instead)
{
    const struct lp_follow wanted = {.base = server.base,
                                     .http = server.http,
                                     .wanted = &server.listen,
                                     .token = server.token,
                                     .url = server.url,
                                     .instead = instead,
                                     .taken = move_to};
    return lp_follow_start(&wanted);
}

bool lp_server_hand_over(pid_t to)
{
    char url[LP_URL_MAX];
    int listen_fd = lp_follow_open(&server.listen, url);
    struct evhttp_bound_socket *bound =
        listen_fd < 0 ? NULL : leakprof_evhttp_accept(server.base, server.http, listen_fd);
    if (!bound || follow(to) != 0)
        return false;
    move_to(bound, url);
    return true;
}

/* The environment must not choose libevent's backend: pending.c relies on what epoll can do. */
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

static void on_request(struct evhttp_request *http, void *arg)
{
    (void)arg;
    if (leakprof_evhttp_crowded(server.gate))
        lp_reply_error(http, 503, LP_CROWDED);
    else
        lp_route(http, &server.guard);
}

/* max, or the share of what the system gives if that is less, but no less than min. */
static size_t at_most(int64_t max, int64_t share, int64_t min)
{
    return (size_t)(share > max ? max : share > min ? share : min);
}

static int set_up_http(int listen_fd)
{
    struct leakprof_limits system;
    leakprof_limits(&system);
    lp_store_set_max(system.memory);
    lp_body_set_max(at_most(ANSWER_MAX, system.memory / 4, ANSWER_MIN));
    const struct leakprof_evhttp_limits limits = {
        .guard = &server.guard,
        .head_max = HEADERS_MAX,
        .body_max = BODY_MAX,
        .input_max = at_most(INPUT_MAX, system.memory / 8, HEADERS_MAX + BODY_MAX),
        .output_max = at_most(OUTPUT_MAX, system.memory / 8, 1 << 20),
        .connections_max = (int)at_most(CONNECTIONS_MAX, system.fds / 4, DESCRIPTORS_MIN)};
    server.http = evhttp_new(server.base);
    if (!server.http || !(server.gate = leakprof_evhttp_limit(server.http, server.base, &limits))) {
        close(listen_fd);
        return -ENOMEM;
    }
    server.bound = leakprof_evhttp_accept(server.base, server.http, listen_fd);
    if (!server.bound)
        return -ENOMEM;
    watch_accept_errors(server.bound);
    evhttp_set_timeout(server.http, TIMEOUT_SECONDS);
    evhttp_set_default_content_type(server.http, NULL);
    evhttp_set_allowed_methods(server.http, UINT16_MAX); /* lp_route() gives the reason */
    evhttp_set_gencb(server.http, on_request, NULL);
    return 0;
}

/* libevent ends the process if it gets no descriptors for itself. */
static int room_for_descriptors(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < DESCRIPTORS_MIN ? -EMFILE : 0;
}

/* A signal to this thread ends the loop. */
static int watch_stop_signal(void)
{
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

/* follows: it is another address than the one in the options (serve/follow.h). */
static int open_address(bool *follows)
{
    int fd = lp_listen_open(&server.listen, server.url);
    *follows = fd == -EADDRINUSE && lp_served_follows();
    return *follows ? lp_follow_open(&server.listen, server.url) : fd;
}

/* What this opens is closed at the end of the thread, if not before. */
static int set_up(const struct leakprof_options *options, const struct periods *periods)
{
    int error = room_for_descriptors();
    bool follows = false;
    int listen_fd = error || !options->listen ? error : open_address(&follows);
    if (listen_fd < 0)
        return listen_fd;
    server.guard = (struct leakprof_guard){.token = options->token,
                                           .read_token = options->read_token,
                                           .loopback = server.listen.tcp.loopback,
                                           .unix_socket = *server.listen.path != '\0'};
    server.base = new_base();
    if (!server.base)
        return -ENOMEM;
    if (options->listen)
        error = set_up_http(listen_fd);
    if (!error && options->listen)
        error = lp_work_start(server.base, server.gate);
    if (!error && follows)
        error = follow(0);
    if (!error && options->listen)
        error = lp_live_start(server.base);
    if (!error && periods->trace_ms)
        error = lp_trace_start(server.base, periods->trace_ms);
    if (!error)
        error = periods->again
                    ? lp_periodic_restart(server.base)
                    : lp_periodic_start(server.base, options->listen ? periods->every_ms : 0,
                                        (size_t)periods->keep, lp_config()->snapshot_stacks);
    return error ? error : watch_stop_signal();
}

/* libevent may call lp_server_abandon(). */
static int set_up_or_abandon(const struct leakprof_options *options, const struct periods *periods)
{
    return setjmp(server.abandoned) ? -ENOMEM : set_up(options, periods);
}

static void dispatch(void)
{
    if (!setjmp(server.abandoned))
        event_base_dispatch(server.base);
}

static int check(const struct leakprof_options *options, struct periods *periods)
{
    const char *token = options->token, *read_token = options->read_token;
    server.listen = (struct lp_listen){.tcp.loopback = true};
    if ((options->listen && lp_listen_parse(options->listen, &server.listen) != 0) ||
        (token && !*token) || (read_token && (!token || !*read_token)))
        return -EINVAL;
    if (!server.listen.tcp.loopback && !token)
        return -EACCES;
    *periods = (struct periods){
        .trace_ms = options->trace_ms > 0 ? options->trace_ms : 0,
        .every_ms = options->snapshot_every_ms > 0 ? options->snapshot_every_ms : 0,
        .keep = options->snapshot_keep ? options->snapshot_keep : LP_PERIODIC_KEEP};
    return options->listen || periods->trace_ms ? 0 : -EINVAL;
}

static void announce(bool served, bool traces)
{
    char line[LP_SERVED_LINE_MAX];
    if (served)
        lp_stderr_write(line, lp_served_line(line, server.url));
    if (!traces)
        lp_stderr_end();
}

void lp_server_run(const struct leakprof_options *options, bool again,
                   void (*ready)(int error, const char *url, void *arg), void *arg)
{
    struct periods periods = {0};
    /* JSON, SVG and the trace line need a decimal point, whatever the program's locale is. */
    static locale_t locale;
    if (!locale)
        locale = newlocale(LC_ALL_MASK, "C", NULL);
    uselocale(locale);
    server.url[0] = '\0';
    atomic_store(&server.stopping, false);
    server.ready = ready;
    server.arg = arg;
    server.token = options->token;
    int error = check(options, &periods);
    periods.again = again;
    lp_stderr_begin(!error && (periods.trace_ms || lp_served_announces()));
    lp_resident_prepare();
    if (!error)
        error = set_up_or_abandon(options, &periods);
    if (!error && options->rate != LEAKPROF_RATE_KEEP)
        lp_rate_set(options->rate);
    if (!error && options->listen)
        lp_autorate_look();
    atomic_store(&server.tid, lp_gettid());
    if (options->listen)
        enter_list(error);
    if (lp_served_announces())
        announce(!error, periods.trace_ms > 0);
    ready(error, server.url, arg);
    if (!error) {
        if (options->listen && !again)
            lp_stale_remove(options->listen);
        dispatch();
        lp_autorate_leave();
        lp_processes_leave();
    }
    atomic_store(&server.tid, 0);
    release();
}

/* What the loop has is lost, as nothing is known of its state. */
_Noreturn void lp_server_abandon(void)
{
    lp_work_abandon();
    forget_loop();
    longjmp(server.abandoned, 1);
}

void lp_server_stop(void)
{
    atomic_store(&server.stopping, true);
    lp_syscall(SYS_tgkill, getpid(), atomic_load(&server.tid), stop_signal());
}

/* The parent's loop is not touched. */
void lp_server_forked(void)
{
    forget_loop();
    lp_store_forked();
    atomic_store(&server.tid, 0);
}
