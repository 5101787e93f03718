/*
 * The members of `agent` are used by the thread that starts and stops it, which holds `lock`, and
 * by the profiler's thread while that runs. Two exceptions: any thread may read `state` and, while
 * that is SERVES, `url`.
 *
 * Some calls of the program need a process without our thread (hooks/credentials.c). The thread
 * ends for such a call and starts again after it, with the same address, snapshots and rates.
 * Requests under way are lost, and so is the history of the live charts.
 */
#include "agent.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "hooks/credentials.h"
#include "hooks/lives.h"
#include "link.h"
#include "sys/clock.h"
#include "record/crash.h"
#include "record/self.h"
#include "record/served.h"
#include "record/unwind.h"
#include "sys/syscall.h"

enum { URL_MAX = 128, LISTEN_MAX = 256, TOKEN_MAX = 1024, AFTER_PARENT_MS = 100 };

enum { IDLE, STARTS, SERVES, FAILED, AWAY /* for a call of the program */ };

static struct {
    _Atomic uint32_t state;
    struct leakprof_options options; /* a copy, with copies of its strings */
    /* Not on the heap: libc's strdup() may use another allocator than our free(). */
    char listen_text[LISTEN_MAX], token_text[TOKEN_MAX], read_token_text[TOKEN_MAX];
    const char *listen; /* listen_text, or NULL */
    char url[URL_MAX];
    int error;
    const char *why;
    pthread_t thread;
    _Atomic pid_t tid;
    bool again;            /* it has run before, for the same lp_agent_start() */
    bool follows;          /* forked children that live on start it too */
    int forked;            /* the generation of such a child, or of its program. 0: none */
    bool stale;            /* the reporter has the parent's state */
    _Atomic int64_t until; /* what it waits for before it begins, because it may call exec */
} agent;

static _Atomic uint32_t lock; /* the thread that starts or stops it now; 0: none */
static const struct lp_thread_control control;

/* Waits at most LP_AGENT_PATIENCE_MS. false: another thread has it, or a signal handler has
 * interrupted the thread that has it. */
static bool take_lock(void)
{
    uint32_t self = (uint32_t)lp_syscall(SYS_gettid), holder = 0;
    int64_t until = lp_now_ns() + LP_AGENT_PATIENCE_MS * INT64_C(1000000);
    while (!atomic_compare_exchange_strong(&lock, &holder, self)) {
        struct timespec pause = {0, 1000000};
        if (holder == self || lp_now_ns() > until)
            return false;
        lp_syscall(SYS_futex, &lock, FUTEX_WAIT_PRIVATE, holder, &pause);
        holder = 0;
    }
    return true;
}

static void give_lock(void)
{
    atomic_store(&lock, 0);
    lp_syscall(SYS_futex, &lock, FUTEX_WAKE_PRIVATE, 1);
}

static void ready(int error, const char *url, void *arg)
{
    (void)arg;
    agent.error = error;
    strncpy(agent.url, url, URL_MAX - 1);
    if (!error && agent.options.crash)
        lp_crash_begin();
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
    atomic_store(&agent.tid, lp_gettid());
    lp_syscall(SYS_prctl, PR_SET_NAME,
               "leakprof"); /* libpthread may call functions of the program */
    int error = lp_own_thread_enter();
    wait_in_child();
    const struct lp_reporter *reporter = error ? NULL : lp_reporter(&agent.why);
    if (reporter && agent.stale)
        reporter->forked();
    agent.stale = false;
    if (reporter)
        reporter->run(&agent.options, agent.again, ready, NULL);
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

/* Is /proc that of this process's pid namespace? If not, the numbers in it are others. A sandbox
 * makes such a process, and then checks that it has one thread. */
static bool proc_is_ours(void)
{
    char number[16], text[16];
    ssize_t n = readlink("/proc/self", text, sizeof text - 1);
    text[n > 0 ? n : 0] = '\0';
    snprintf(number, sizeof number, "%d", (int)getpid());
    return n <= 0 || strcmp(number, text) == 0;
}

/* In a process that lives on. Does not wait until it serves. */
static void start_in_child(void)
{
    uint32_t idle = IDLE;
    if (!lp_hooks_thread_allowed() || !proc_is_ours() || !take_lock())
        return;
    /* Otherwise the program has called leakprof_start(). */
    if (atomic_compare_exchange_strong(&agent.state, &idle, STARTS)) {
        int previous = lp_own_enter();
        lp_served_follow();
        if (start_thread() != 0)
            atomic_store(&agent.state, IDLE);
        else
            lp_hooks_control(&control);
        lp_own_leave(previous);
    }
    give_lock();
}

/* A forked child does not have the thread. It may start its own. */
static void forget_in_child(void)
{
    bool was = atomic_load(&agent.state) != IDLE;
    atomic_store(&lock, 0);
    if (!was && !agent.forked)
        return;
    agent.stale |= was;
    lp_served_announce(false);
    agent.again = false;
    agent.options.listen = agent.listen;
    atomic_store(&agent.state, IDLE);
    agent.forked = agent.follows ? agent.forked + 1 : 0;
    if (agent.forked) { /* parents first: they get a fixed address */
        agent.until =
            lp_now_ns() + (LP_LIVES_MS + agent.forked * AFTER_PARENT_MS) * INT64_C(1000000);
        agent.options.trace_ms = 0; /* standard error is the parent's */
        lp_lives_watch(start_in_child);
    } else {
        agent.options.listen = agent.options.token = agent.listen = NULL;
        agent.options.read_token = NULL;
    }
}

void lp_agent_follow(void)
{
    agent.follows = true;
}

static void release(void)
{
    agent.options.listen = agent.options.token = agent.listen = NULL;
    agent.options.read_token = NULL;
    memset(agent.token_text, 0, sizeof agent.token_text);
    memset(agent.read_token_text, 0, sizeof agent.read_token_text);
}

/* Copies a text of the options. */
static int keep(char *to, size_t capacity, const char **text)
{
    size_t length = *text ? strlen(*text) : 0;
    if (length >= capacity)
        return -EINVAL;
    if (*text)
        *text = memcpy(to, *text, length + 1);
    return 0;
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
    lp_crash_prepare();
    agent.again = false;
    agent.forked = 0;
    agent.until = 0;
    agent.url[0] = '\0';
    agent.why = NULL;
    int error = keep(agent.listen_text, LISTEN_MAX, &agent.options.listen);
    if (!error)
        error = keep(agent.token_text, TOKEN_MAX, &agent.options.token);
    if (!error)
        error = keep(agent.read_token_text, TOKEN_MAX, &agent.options.read_token);
    agent.listen = agent.options.listen;
    return error;
}

/* Starts the thread and waits until it serves. Error: see lp_agent_start(). */
static int start_and_wait(void)
{
    int error = start_thread();
    if (error)
        return error;
    uint32_t state = wait_until_ready();
    if (state == STARTS)
        return -ETIMEDOUT;
    if (state == FAILED)
        pthread_join(agent.thread, NULL);
    return state == FAILED ? agent.error : 0;
}

static void forget(void)
{
    release();
    atomic_store(&agent.state, IDLE);
}

static bool runs(void)
{
    return atomic_load(&agent.state) != IDLE;
}

/* pthread_join() returns a little before the kernel has removed the thread. */
static bool wait_until_gone(void)
{
    int64_t until = lp_now_ns() + LP_AGENT_PATIENCE_MS * INT64_C(1000000);
    struct timespec pause = {0, 50000};
    while (lp_syscall(SYS_tgkill, getpid(), atomic_load(&agent.tid), 0) == 0) {
        if (lp_now_ns() > until)
            return false;
        lp_syscall(SYS_nanosleep, &pause, NULL);
    }
    return true;
}

/* Ends the thread for a call of the program. The lock is kept until start_again(). If the thread
 * is busy for longer than LP_AGENT_PATIENCE_MS, it ends later and the call is made without. */
static bool end_for_call(void)
{
    int previous, kept;
    bool gone = false;
    if (!lp_reporter_loaded() || !take_lock())
        return false;
    previous = lp_own_enter();
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &kept);
    agent.until = 0; /* it need not wait for an exec */
    lp_syscall(SYS_futex, &agent.state, FUTEX_WAKE_PRIVATE, INT32_MAX);
    if (wait_until_ready() == SERVES) {
        lp_reporter_loaded()->stop();
        if ((gone = wait_until_gone())) {
            pthread_join(agent.thread, NULL);
            atomic_store(&agent.state, AWAY);
        }
    }
    pthread_setcancelstate(kept, NULL);
    lp_own_leave(previous);
    if (!gone)
        give_lock();
    return gone;
}

/* The address is the one that was reported, also if the options let the kernel choose. In a process
 * whose next child will be in another pid namespace, the kernel makes no threads (EINVAL). That
 * child has the work, so there is nothing to report. */
static void start_again(void)
{
    char bound[URL_MAX], *address;
    int previous = lp_own_enter(), kept;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &kept);
    memcpy(bound, agent.url, sizeof bound);
    if (agent.options.listen && (address = strstr(bound, "://")))
        agent.options.listen = address + strlen("://");
    agent.options.rate = LEAKPROF_RATE_KEEP;
    agent.again = true;
    atomic_store(&agent.state, STARTS);
    int error = start_and_wait();
    agent.options.listen = agent.listen;
    if (error && error != -ETIMEDOUT) {
        if (error != -EINVAL && *bound)
            dprintf(STDERR_FILENO, "leakprof: %s is no longer served: %s\n", bound,
                    strerror(-error));
        forget();
    }
    pthread_setcancelstate(kept, NULL);
    lp_own_leave(previous);
    give_lock();
}

/* After end_for_call(). */
static void leave(const char *why)
{
    int previous = lp_own_enter();
    if (why && agent.url[0])
        dprintf(STDERR_FILENO, "leakprof: %s is no longer served: %s\n", agent.url, why);
    forget();
    lp_own_leave(previous);
    give_lock();
}

static const struct lp_thread_control control = {runs, end_for_call, start_again, leave};

void lp_agent_start_later(const struct leakprof_options *options, bool announce)
{
    int previous = lp_own_enter();
    lp_served_prepare();
    if (copy(options) == 0) {
        agent.forked = 1;
        lp_served_announce(announce);
        agent.until = lp_now_ns() + (LP_LIVES_MS + AFTER_PARENT_MS) * INT64_C(1000000);
        lp_lives_watch(start_in_child);
    }
    lp_own_leave(previous);
}

int lp_agent_start(const struct leakprof_options *options, const char **why)
{
    uint32_t idle = IDLE;
    if (!lp_hooks_thread_allowed() || !proc_is_ours())
        return -EPERM;
    if (!take_lock())
        return -EALREADY;
    if (!atomic_compare_exchange_strong(&agent.state, &idle, STARTS)) {
        give_lock();
        return -EALREADY;
    }
    int previous = lp_own_enter();
    lp_served_prepare();
    lp_unwind_load(); /* before the program continues, so not on the new thread */
    int error = copy(options);
    if (!error)
        error = start_and_wait();
    *why = agent.why;
    if (error && error != -ETIMEDOUT)
        forget();
    else
        lp_hooks_control(&control);
    lp_own_leave(previous);
    give_lock();
    return error;
}

void lp_agent_stop(void)
{
    const struct lp_reporter *reporter = lp_reporter_loaded();
    if (!runs() || !reporter || !take_lock())
        return;
    int previous = lp_own_enter();
    if (runs()) {
        if (wait_until_ready() == SERVES)
            reporter->stop();
        pthread_join(agent.thread, NULL);
        lp_crash_end();
        forget();
    }
    lp_own_leave(previous);
    give_lock();
}

const char *lp_agent_url(void)
{
    return atomic_load(&agent.state) == SERVES ? agent.url : "";
}
