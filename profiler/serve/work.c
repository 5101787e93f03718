/*
 * The loop thread keeps the queue, and hands the worker one piece of work at a time through
 * `state`. The worker writes to a pipe when it is done. All other members are the loop thread's,
 * and `current` is the worker's while `state` is GIVEN.
 */
#include "serve/work.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <locale.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <event2/event.h>
#include <sys/prctl.h>

#include "leakprof_evhttp.h"
#include "record/self.h"
#include "serve/reply.h"
#include "symbolize/cancel.h"
#include "symbolize/readers.h"
#include "symbolize/symbols.h"
#include "sys/pages.h"
#include "sys/syscall.h"

enum { FREE, GIVEN, DONE, QUIT };

static STAILQ_HEAD(, lp_work) queue = STAILQ_HEAD_INITIALIZER(queue);
static struct {
    _Atomic uint32_t state;
    _Atomic uint32_t tid; /* 0: there is no worker */
    pthread_t thread;
    locale_t locale;
    struct lp_work *current;
    int nqueued;
    int64_t give_back;
    struct leakprof_evhttp_gate *gate;
    struct event *finished;
    int from_worker, to_loop; /* the pipe */
} work;

static void wake(_Atomic uint32_t *word)
{
    lp_syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1);
}

static void wait_while(_Atomic uint32_t *word, uint32_t value)
{
    lp_syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL);
}

/* false: the loop has ended this thread meanwhile. */
static bool run_current(void)
{
    uint32_t given = GIVEN;
    work.current->steps->run(work.current);
    if (lp_own_refused() != work.current->refused)
        lp_symbols_forget(); /* names that could not be read are known as unknown */
    return atomic_compare_exchange_strong(&work.state, &given, DONE);
}

static void *run_worker(void *unused)
{
    uint32_t state;
    lp_syscall(SYS_prctl, PR_SET_NAME, "leakprof-work");
    lp_own_helper_enter();
    uselocale(work.locale);
    free(malloc(1)); /* its arena exists before the first snapshot, so it never is growth */
    atomic_store(&work.tid, (uint32_t)lp_gettid());
    wake(&work.tid);
    while ((state = atomic_load(&work.state)) != QUIT)
        if (state != GIVEN)
            wait_while(&work.state, state);
        else if (run_current())
            lp_syscall(SYS_write, work.to_loop, "", 1);
    lp_own_thread_leave();
    return unused;
}

/* Waits until it is known as the profiler's, so that no profile shows it. Its signals are blocked,
 * as all are in this thread. */
static bool create_worker(void)
{
    if (atomic_load(&work.tid))
        return true;
    atomic_store(&work.state, FREE);
    work.locale = uselocale((locale_t)0);
    if (pthread_create(&work.thread, NULL, run_worker, NULL) != 0)
        return false;
    while (!atomic_load(&work.tid))
        wait_while(&work.tid, 0);
    return true;
}

/* pthread_join() returns a little before the kernel has removed the thread. */
static void end_worker(void)
{
    struct timespec pause = {0, 50000};
    uint32_t tid = atomic_load(&work.tid);
    if (!tid)
        return;
    atomic_store(&work.state, QUIT);
    wake(&work.state);
    pthread_join(work.thread, NULL);
    while (lp_syscall(SYS_tgkill, getpid(), tid, 0) == 0)
        lp_syscall(SYS_nanosleep, &pause, NULL);
    atomic_store(&work.tid, 0);
}

static void finish(struct lp_work *it)
{
    struct evhttp_request *http = it->client.http;
    lp_reply_since(it->refused);
    lp_client_unwatch(&it->client);
    it->steps->done(it, http);
}

static void refuse(struct lp_work *it, struct evhttp_request *http, const char *why)
{
    char seconds[16];
    snprintf(seconds, sizeof seconds, "%d", LP_WORK_AGAIN_SECONDS);
    lp_client_unwatch(&it->client);
    it->steps->done(it, NULL);
    lp_reply_header(http, "Retry-After", seconds);
    lp_reply_error(http, lp_status(-EBUSY), "%s", why);
}

static void begin(struct lp_work *it)
{
    bool worker = create_worker();
    work.current = it;
    it->refused = lp_own_refused();
    lp_symbols_resume();
    if (it->steps->begin)
        it->steps->begin(it);
    atomic_store(&work.state, GIVEN);
    if (worker) {
        wake(&work.state);
        return;
    }
    run_current();
    work.current = NULL;
    finish(it);
}

static void begin_next(void)
{
    struct lp_work *it;
    while (!work.current && (it = STAILQ_FIRST(&queue))) {
        STAILQ_REMOVE_HEAD(&queue, link);
        work.nqueued--;
        if (!it->accepted && it->client.http && leakprof_evhttp_crowded(work.gate))
            refuse(it, it->client.http, LP_CROWDED);
        else
            begin(it);
    }
}

static void take_finished(void)
{
    struct lp_work *it = work.current;
    if (!it || atomic_load(&work.state) != DONE)
        return;
    work.current = NULL;
    finish(it);
    begin_next();
}

static void on_finished(evutil_socket_t fd, short what, void *arg)
{
    (void)what, (void)arg;
    char bytes[16];
    lp_syscall(SYS_read, fd, bytes, sizeof bytes);
    take_finished();
}

/* The client has disconnected. */
static void on_gone(void *arg)
{
    struct lp_work *it = arg;
    if (it == work.current) {
        lp_symbols_cancel();
        lp_client_unwatch(&it->client);
        return;
    }
    STAILQ_REMOVE(&queue, it, lp_work, link);
    work.nqueued--;
    lp_client_unwatch(&it->client);
    it->steps->done(it, NULL);
}

void lp_work_add(struct lp_work *it, struct evhttp_request *http)
{
    if (!it->accepted && work.nqueued >= LP_WORK_MAX) {
        refuse(it, http, "too many requests wait for an answer; try again later");
        return;
    }
    if (lp_client_watch(&it->client, http, on_gone, it) != 0) {
        it->steps->done(it, NULL);
        lp_reply_no_memory(http);
        return;
    }
    STAILQ_INSERT_TAIL(&queue, it, link);
    work.nqueued++;
    begin_next();
}

static void run_idle(struct lp_work *it)
{
    (void)it;
    work.give_back = lp_symbols_release_idle();
}

/* Each thread has its own part of malloc. */
static void idle_done(struct lp_work *it, struct evhttp_request *http)
{
    (void)it, (void)http;
    lp_give_back(work.give_back);
}

void lp_work_idle(void)
{
    static const struct lp_work_steps steps = {NULL, run_idle, idle_done};
    static struct lp_work idle;
    take_finished(); /* if the worker could not write to the pipe */
    if (work.current)
        return;
    idle.steps = &steps;
    begin(&idle);
}

int lp_work_start(struct event_base *base, struct leakprof_evhttp_gate *gate)
{
    work.gate = gate;
    int fds[2];
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0)
        return -errno;
    work.from_worker = fds[0];
    work.to_loop = fds[1];
    work.finished = event_new(base, fds[0], EV_READ | EV_PERSIST, on_finished, NULL);
    if (!work.finished || event_add(work.finished, NULL) != 0) {
        lp_work_stop();
        return -ENOMEM;
    }
    create_worker();
    return 0;
}

void lp_work_stop(void)
{
    struct lp_work *it;
    while ((it = STAILQ_FIRST(&queue))) {
        STAILQ_REMOVE_HEAD(&queue, link);
        lp_client_unwatch(&it->client);
        it->steps->done(it, NULL);
    }
    work.nqueued = 0;
    if (work.current)
        lp_symbols_cancel();
    end_worker();
    if ((it = work.current)) {
        work.current = NULL;
        lp_client_unwatch(&it->client);
        it->steps->done(it, NULL);
    }
    if (work.finished)
        event_free(work.finished);
    if (work.to_loop) {
        close(work.from_worker);
        close(work.to_loop);
    }
    work.finished = NULL;
    work.from_worker = work.to_loop = 0;
}

void lp_work_abandon(void)
{
    if (work.current)
        lp_symbols_cancel();
    end_worker();
}

void lp_work_forked(void)
{
    STAILQ_INIT(&queue);
    atomic_store(&work.tid, 0);
    work.current = NULL;
    work.nqueued = 0;
    work.finished = NULL;
    work.from_worker = work.to_loop = 0;
}
