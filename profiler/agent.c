/*
 * The members of `agent` are used by the thread that starts and stops it, and by the profiler's
 * thread while that runs. Two exceptions: any thread may read `state` and, while that is SERVES,
 * `url`.
 */
#include "agent.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hooks/lives.h"
#include "link.h"
#include "sys/clock.h"
#include "record/self.h"
#include "record/served.h"
#include "record/unwind.h"
#include "sys/syscall.h"

enum { URL_MAX = 128, AFTER_PARENT_MS = 100, LATER_MS = 1000 };

enum { IDLE, STARTS, SERVES, FAILED };

static struct {
    _Atomic uint32_t state;
    struct leakprof_options options; /* a copy, with copies of its strings */
    char *listen, *token;
    char url[URL_MAX];
    int error;
    const char *why;
    pthread_t thread;
    bool follows;  /* forked children that live on start it too */
    int forked;    /* the generation of such a child, or of its program. 0: none */
    bool stale;    /* the reporter has the parent's state */
    int64_t until; /* what it waits for before it begins, because it may call exec */
} agent;

static void ready(int error, const char *url, void *arg)
{
    (void)arg;
    agent.error = error;
    strncpy(agent.url, url, URL_MAX - 1);
    atomic_store(&agent.state, error ? FAILED : SERVES);
    lp_syscall(SYS_futex, &agent.state, FUTEX_WAKE_PRIVATE, 1);
}

static uint32_t wait_until_ready(void)
{
    int64_t until = lp_now_ns() + LP_AGENT_PATIENCE_MS * INT64_C(1000000), left;
    uint32_t state;
    while ((state = atomic_load(&agent.state)) == STARTS && (left = until - lp_now_ns()) > 0) {
        struct timespec time = {left / 1000000000, left % 1000000000};
        lp_syscall(SYS_futex, &agent.state, FUTEX_WAIT_PRIVATE, STARTS, &time);
    }
    return state;
}

/* Returns early if the process is about to stop the thread. */
static void wait_in_child(void)
{
    int64_t left;
    while (atomic_load(&agent.state) == STARTS && (left = agent.until - lp_now_ns()) > 0) {
        struct timespec time = {left / 1000000000, left % 1000000000};
        lp_syscall(SYS_futex, &agent.state, FUTEX_WAIT_PRIVATE, STARTS, &time);
    }
}

static void *run(void *arg)
{
    pthread_setname_np(pthread_self(), "leakprof");
    int error = lp_own_thread_enter();
    wait_in_child();
    const struct lp_reporter *reporter = error ? NULL : lp_reporter(&agent.why);
    if (reporter && agent.stale)
        reporter->forked();
    agent.stale = false;
    if (reporter)
        reporter->run(&agent.options, ready, NULL);
    else
        ready(error ? error : -ENOENT, "", NULL);
    lp_own_thread_leave();
    return arg;
}

/* Blocks all signals in the new thread: they are meant for the program. */
static int start_thread(void)
{
    sigset_t all, kept;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &kept);
    int error = pthread_create(&agent.thread, NULL, run, NULL);
    pthread_sigmask(SIG_SETMASK, &kept, NULL);
    return -error;
}

/* In a process that lives on. Does not wait until it serves. */
static void start_in_child(void)
{
    uint32_t idle = IDLE;
    if (!atomic_compare_exchange_strong(&agent.state, &idle, STARTS))
        return; /* the program has called leakprof_start() */
    int previous = lp_own_enter();
    lp_served_follow();
    if (start_thread() != 0)
        atomic_store(&agent.state, IDLE);
    lp_own_leave(previous);
}

/* A forked child does not have the thread. It may start its own. */
static void forget_in_child(void)
{
    bool was = atomic_load(&agent.state) != IDLE;
    if (!was && !agent.forked)
        return;
    agent.stale |= was;
    atomic_store(&agent.state, IDLE);
    agent.forked = agent.follows ? agent.forked + 1 : 0;
    if (agent.forked) { /* parents first: they get a fixed address */
        agent.until =
            lp_now_ns() + (LP_LIVES_MS + agent.forked * AFTER_PARENT_MS) * INT64_C(1000000);
        agent.options.trace_ms = 0; /* standard error is the parent's */
        lp_lives_watch(start_in_child);
    } else {
        agent.listen = agent.token = NULL;
    }
}

void lp_agent_follow(void)
{
    agent.follows = true;
}

static void release(void)
{
    free(agent.listen);
    free(agent.token);
    agent.listen = agent.token = NULL;
}

static int copy(const struct leakprof_options *options)
{
    static bool fork_watched;
    if (!fork_watched) {
        int error = pthread_atfork(NULL, NULL, forget_in_child);
        if (error)
            return -error;
        fork_watched = true;
    }
    agent.options = *options;
    agent.forked = 0;
    agent.until = 0;
    agent.url[0] = '\0';
    agent.why = NULL;
    agent.options.listen = agent.listen = options->listen ? strdup(options->listen) : NULL;
    agent.options.token = agent.token = options->token ? strdup(options->token) : NULL;
    return (options->listen && !agent.listen) || (options->token && !agent.token) ? -ENOMEM : 0;
}

static int start(const struct leakprof_options *options)
{
    int error = copy(options);
    if (!error)
        error = start_thread();
    if (error)
        return error;
    uint32_t state = wait_until_ready();
    if (state == STARTS)
        return -ETIMEDOUT;
    if (state == FAILED)
        pthread_join(agent.thread, NULL);
    return state == FAILED ? agent.error : 0;
}

void lp_agent_start_later(const struct leakprof_options *options)
{
    int previous = lp_own_enter();
    if (copy(options) == 0) {
        agent.forked = 1;
        agent.until = lp_now_ns() + LATER_MS * INT64_C(1000000);
        lp_lives_watch(start_in_child);
    }
    lp_own_leave(previous);
}

int lp_agent_start(const struct leakprof_options *options, const char **why)
{
    uint32_t idle = IDLE;
    if (!atomic_compare_exchange_strong(&agent.state, &idle, STARTS))
        return -EALREADY;
    int previous = lp_own_enter();
    lp_served_prepare();
    lp_unwind_load(); /* before the program continues, so not on the new thread */
    int error = start(options);
    *why = agent.why;
    if (error && error != -ETIMEDOUT) {
        release();
        atomic_store(&agent.state, IDLE);
    }
    lp_own_leave(previous);
    return error;
}

void lp_agent_stop(void)
{
    const struct lp_reporter *reporter = lp_reporter_loaded();
    if (atomic_load(&agent.state) == IDLE || !reporter)
        return;
    int previous = lp_own_enter();
    if (wait_until_ready() == SERVES)
        reporter->stop();
    pthread_join(agent.thread, NULL);
    release();
    atomic_store(&agent.state, IDLE);
    lp_own_leave(previous);
}

const char *lp_agent_url(void)
{
    return atomic_load(&agent.state) == SERVES ? agent.url : "";
}
