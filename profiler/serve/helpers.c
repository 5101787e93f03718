/*
 * The loop thread keeps the queues, and hands a helper one job at a time through `state`. The
 * helper writes to a pipe when it is done. All other members are the loop thread's, and `current`
 * is the helper's while `state` is GIVEN.
 */
#include "serve/helpers.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <locale.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <event2/event.h>
#include <sys/prctl.h>

#include "record/self.h"
#include "sys/syscall.h"

enum { FREE, GIVEN, DONE, QUIT };

STAILQ_HEAD(jobs, lp_job);

static struct helper {
    const char *name;
    _Atomic uint32_t state;
    _Atomic uint32_t tid; /* 0: there is no thread */
    pthread_t thread;
    struct lp_job *current; /* or the last one, while its done() runs on a loop without helpers */
    struct jobs queue;
} helpers[LP_HELPERS] = {
    [LP_TAKER] = {.name = "leakprof-take", .queue = STAILQ_HEAD_INITIALIZER(helpers[0].queue)},
    [LP_WRITER] = {.name = "leakprof-work", .queue = STAILQ_HEAD_INITIALIZER(helpers[1].queue)}};

static struct {
    locale_t locale;
    struct event *finished;    /* NULL: not started */
    int from_helpers, to_loop; /* the pipe */
} loop;

static void wake(_Atomic uint32_t *word)
{
    lp_syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1);
}

static void wait_while(_Atomic uint32_t *word, uint32_t value)
{
    lp_syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL);
}

/* false: the loop has ended this thread meanwhile. */
static bool run_current(struct helper *helper)
{
    uint32_t given = GIVEN;
    helper->current->run(helper->current);
    return atomic_compare_exchange_strong(&helper->state, &given, DONE);
}

static void *run_helper(void *arg)
{
    struct helper *helper = arg;
    uint32_t state;
    lp_syscall(SYS_prctl, PR_SET_NAME, helper->name);
    lp_own_helper_enter();
    uselocale(loop.locale);
    free(malloc(1)); /* its arena exists before the first snapshot, so it never is growth */
    atomic_store(&helper->tid, (uint32_t)lp_gettid());
    wake(&helper->tid);
    while ((state = atomic_load(&helper->state)) != QUIT)
        if (state != GIVEN)
            wait_while(&helper->state, state);
        else if (run_current(helper))
            lp_syscall(SYS_write, loop.to_loop, "", 1);
    lp_own_thread_leave();
    return NULL;
}

/* Waits until it is known as the profiler's, so that no profile shows it. Its signals are blocked,
 * as all are in this thread. */
static bool create(struct helper *helper)
{
    if (atomic_load(&helper->tid))
        return true;
    atomic_store(&helper->state, FREE);
    if (!loop.finished || pthread_create(&helper->thread, NULL, run_helper, helper) != 0)
        return false;
    while (!atomic_load(&helper->tid))
        wait_while(&helper->tid, 0);
    return true;
}

/* pthread_join() returns a little before the kernel has removed the thread. */
static void end(struct helper *helper)
{
    struct timespec pause = {0, 50000};
    uint32_t tid = atomic_load(&helper->tid);
    if (!tid)
        return;
    atomic_store(&helper->state, QUIT);
    wake(&helper->state);
    pthread_join(helper->thread, NULL);
    while (lp_syscall(SYS_tgkill, getpid(), tid, 0) == 0)
        lp_syscall(SYS_nanosleep, &pause, NULL);
    atomic_store(&helper->tid, 0);
}

static void begin_next(struct helper *helper)
{
    while (!helper->current && (helper->current = STAILQ_FIRST(&helper->queue))) {
        STAILQ_REMOVE_HEAD(&helper->queue, link);
        if (create(helper)) {
            atomic_store(&helper->state, GIVEN);
            wake(&helper->state);
            return;
        }
        helper->current->run(helper->current);
        helper->current->done(helper->current, false);
        helper->current = NULL;
    }
}

static void look_at(struct helper *helper)
{
    struct lp_job *job = helper->current;
    if (!job || atomic_load(&helper->state) != DONE)
        return;
    helper->current = NULL;
    job->done(job, false);
    begin_next(helper);
}

void lp_helpers_look(void)
{
    for (int i = 0; i < LP_HELPERS; i++)
        look_at(&helpers[i]);
}

static void on_finished(evutil_socket_t fd, short what, void *arg)
{
    (void)what, (void)arg;
    char bytes[16];
    lp_syscall(SYS_read, fd, bytes, sizeof bytes);
    lp_helpers_look();
}

void lp_helper_add(enum lp_helper helper, struct lp_job *job)
{
    STAILQ_INSERT_TAIL(&helpers[helper].queue, job, link);
    begin_next(&helpers[helper]);
}

bool lp_helper_busy(enum lp_helper helper)
{
    return helpers[helper].current != NULL;
}

int lp_helpers_start(struct event_base *base)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0)
        return -errno;
    loop.from_helpers = fds[0];
    loop.to_loop = fds[1];
    loop.locale = uselocale((locale_t)0);
    loop.finished = event_new(base, fds[0], EV_READ | EV_PERSIST, on_finished, NULL);
    if (!loop.finished || event_add(loop.finished, NULL) != 0) {
        lp_helpers_stop();
        return -ENOMEM;
    }
    for (int i = 0; i < LP_HELPERS; i++)
        create(&helpers[i]);
    return 0;
}

static void drop_jobs(struct helper *helper)
{
    struct lp_job *job = helper->current;
    helper->current = NULL;
    if (job)
        job->done(job, true);
    while ((job = STAILQ_FIRST(&helper->queue))) {
        STAILQ_REMOVE_HEAD(&helper->queue, link);
        job->done(job, true);
    }
}

void lp_helpers_stop(void)
{
    lp_helpers_abandon();
    for (int i = 0; i < LP_HELPERS; i++)
        drop_jobs(&helpers[i]);
    if (loop.finished)
        event_free(loop.finished);
    if (loop.to_loop) {
        close(loop.from_helpers);
        close(loop.to_loop);
    }
    loop.finished = NULL;
    loop.from_helpers = loop.to_loop = 0;
}

void lp_helpers_abandon(void)
{
    for (int i = 0; i < LP_HELPERS; i++)
        end(&helpers[i]);
}

void lp_helpers_forked(void)
{
    for (int i = 0; i < LP_HELPERS; i++) {
        STAILQ_INIT(&helpers[i].queue);
        atomic_store(&helpers[i].tid, 0);
        helpers[i].current = NULL;
    }
    loop.finished = NULL;
    loop.from_helpers = loop.to_loop = 0;
}
