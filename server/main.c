/*
 * Leakyard: starts its parts in order, waits for a signal, and stops them in reverse order.
 *
 * The order matters: budgets before any scene can leak, scenes before the first thread (they may
 * fork), the profiler before the first request. Only this file may end the process (die()).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include "leakprof.h"
#include "leakprof_evhttp.h"
#include "leakprof_server.h"
#include "scene.h"

#include "budget_defaults.h"
#include "drain.h"
#include "front.h"
#include "guard.h"
#include "options.h"
#include "reply.h"
#include "routes.h"
#include "stats.h"

enum { STOP_PATIENCE_MS = 1500 };

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *format, ...)
{
    va_list args;

    fflush(stdout);
    fputs("leakyard: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

static void stop_scenes(void)
{
    for (int i = 0; scenes[i]; i++)
        scene_stop(scenes[i]);
}

static void start_budget(const struct options *options)
{
    struct leakprof_limits budget;

    budget_defaults(&budget);
    if (options->budget_mem != OPTIONS_UNSET)
        budget.memory = options->budget_mem;
    if (options->budget_threads != OPTIONS_UNSET)
        budget.threads = options->budget_threads;
    if (options->budget_fds != OPTIONS_UNSET)
        budget.fds = options->budget_fds;
    budget_set(budget.memory, budget.threads, budget.fds);
    stats_start(&budget);
}

static void start_scenes(void)
{
    for (int i = 0; scenes[i]; i++) {
        int err = scenes[i]->start ? scenes[i]->start() : 0;

        if (err < 0)
            die("cannot start the scene %s: %s", scenes[i]->id, strerror(-err));
    }
}

static void cannot_listen(const char *option, const char *address, int err)
{
    stop_scenes();
    die("cannot listen on %s: %s; choose another address with %s; port 0 picks a free port",
        address, strerror(-err), option);
}

/* A terminal that hangs up must not leave a server behind that leaks. Without a terminal, SIGHUP
 * asks a service to read its files again, and this one reads them only at the start. nohup has it
 * ignored. */
static void add_hangup(sigset_t *ends)
{
    struct sigaction before;
    int terminal = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);

    sigaction(SIGHUP, NULL, &before);
    if (terminal < 0)
        signal(SIGHUP, SIG_IGN);
    else if (before.sa_handler != SIG_IGN)
        sigaddset(ends, SIGHUP);
    if (terminal >= 0)
        close(terminal);
}

int main(int argc, char **argv)
{
    struct options options;
    char why[512];
    sigset_t ends;
    int err, signal_number;

    leakprof_evhttp_reserve();
    switch (options_read(argc, argv, &options, why, sizeof(why))) {
    case OPTIONS_RUN:
        break;
    case OPTIONS_DONE:
        return 0;
    case OPTIONS_BAD:
        die("%s", why);
    }

    if (options.block_rate != OPTIONS_UNSET)
        leakprof_set_block_rate(options.block_rate);
    if (options.mutex_fraction != OPTIONS_UNSET)
        leakprof_set_mutex_fraction(options.mutex_fraction);

    /* Threads inherit this mask, so only the sigwait() below receives these signals. */
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    add_hangup(&ends);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    signal(SIGPIPE, SIG_IGN);

    start_budget(&options);
    start_scenes();
    guard_start(&options);
    reply_start();
    err = leakprof_start(&(struct leakprof_options){
        .listen = options.pprof.text,
        .rate = options.rate == OPTIONS_UNSET ? LEAKPROF_RATE_KEEP : options.rate,
        .token = options.token[0] ? options.token : NULL,
        .read_token = options.read_token[0] ? options.read_token : NULL,
        .trace_ms = options.memtrace_ms ? options.memtrace_ms : LEAKPROF_TRACE_OFF,
        .snapshot_every_ms =
            options.snapshot_every_ms ? options.snapshot_every_ms : LEAKPROF_SNAPSHOT_OFF,
        .snapshot_keep = options.snapshot_keep,
        .crash = 1,
    });
    if (err < 0)
        cannot_listen("--pprof", options.pprof.text, err);
    err = front_start(&options.listen, (int)options.threads, guard_of_bodies(), routes_handle);
    if (err < 0) {
        leakprof_stop();
        cannot_listen("--listen", options.listen.text, err);
    }

    printf("leakyard: playground http://%s/\n", front_address());
    printf("leakyard: profiler   %s/debug/pprof/\n", leakprof_url());
    fflush(stdout);
    sigwait(&ends, &signal_number);

    front_quiesce();
    drain_all(STOP_PATIENCE_MS);
    front_stop();
    stop_scenes();
    front_free();
    leakprof_stop();
    libevent_global_shutdown();
    return 0;
}
