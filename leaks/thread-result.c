/*
 * Thread-result: what a thread returns, and what it kept for itself.
 *
 * A report is rendered on a thread of its own. The thread returns the text, a block from the heap,
 * to whoever joins it. A later version writes the text to a file as well, so nobody needs the value
 * any more, and the join says NULL. Nobody frees the text. And the renderer keeps a scratch buffer
 * for itself under a thread-specific key; it was made for a pool whose threads live for ever, and
 * the key has no destructor. Now each thread lives for one report and takes its buffer with it.
 *
 * What the profiles show: threads and threadcreate are flat, for all are joined. inuse_space grows
 * by two blocks a request at two lines of render_report, and their stack begins at the thread: it
 * says who made them, and not who was to free them.
 */
#include "batch.h"
#include "lost.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TEXT_BYTES = 5417,
    SCRATCH_BYTES = 3761,
    REPORT_BLOCKS = 2,
    REPORT_BYTES = TEXT_BYTES + SCRATCH_BYTES,
    THREADS = 2, /* of a request at a time: one renders, one waits for it */
    REPORTS_MAX = 200
};

struct report {
    pthread_key_t scratch;             /* whose thread-specific buffer the renderer is to use */
    bool failed;                       /* nothing was rendered */
    uintptr_t inverted[REPORT_BLOCKS]; /* what is lost, for the reset alone */
};

struct request {
    struct scene_call *call;
    int (*collect)(unsigned n);
};

static struct lost lost = LOST(lost_free);
static pthread_key_t scratch_fixed, scratch_leak;

__attribute__((noinline)) static void *render_report(void *arg)
{
    struct report *report = arg;
    char *scratch = pthread_getspecific(report->scratch);
    char *text = malloc(TEXT_BYTES);

    if (!scratch) {
        scratch = malloc(SCRATCH_BYTES);
        if (scratch && pthread_setspecific(report->scratch, scratch) != 0) {
            free(scratch);
            scratch = NULL;
        }
    }
    report->failed = !text || !scratch;
    report->inverted[0] = ~(uintptr_t)text;
    report->inverted[1] = ~(uintptr_t)scratch;
    if (!report->failed) {
        memset(scratch, '.', SCRATCH_BYTES);
        memcpy(text, scratch, SCRATCH_BYTES);
        snprintf(text + SCRATCH_BYTES, TEXT_BYTES - SCRATCH_BYTES, "1337 rows");
    }
    return text;
}

static int start_thread(pthread_t *thread, int state, void *(*run)(void *), void *arg)
{
    pthread_attr_t attr;
    int err;

    small_thread(&attr, state);
    err = -pthread_create(thread, &attr, run, arg);
    pthread_attr_destroy(&attr);
    return err;
}

__attribute__((noinline)) static int collect_fixed(unsigned n)
{
    const int64_t cost = (int64_t)n * REPORT_BYTES;
    int err = 0;

    if (budget_take(cost, 0, 0) < 0)
        return -ENOSPC;
    while (n-- > 0 && err == 0) {
        struct report report = {.scratch = scratch_fixed};
        pthread_t thread;
        void *text;

        err = start_thread(&thread, PTHREAD_CREATE_JOINABLE, render_report, &report);
        if (err < 0)
            break;
        pthread_join(thread, &text);
        free(text); /* whoever joins owns what the thread returned */
        err = report.failed ? -ENOMEM : 0;
    }
    budget_give(cost, 0, 0);
    return err;
}

__attribute__((noinline)) static int collect_leak(unsigned n)
{
    const struct held cost = {.bytes = (int64_t)n * REPORT_BYTES,
                              .objects = (int64_t)n * REPORT_BLOCKS};
    int err = lost_begin(&lost, cost, (size_t)n * REPORT_BLOCKS);

    while (n-- > 0 && err == 0) {
        struct report report = {.scratch = scratch_leak};
        pthread_t thread;

        err = start_thread(&thread, PTHREAD_CREATE_JOINABLE, render_report, &report);
        if (err < 0)
            break;
        pthread_join(thread, NULL); /* the fatal line: the text goes nowhere */
        for (int b = 0; b < REPORT_BLOCKS; b++)
            lost_put(report.inverted[b], 0);
        err = report.failed ? -ENOMEM : 0;
    }
    return lost_end(err);
}

/* Joining blocks, so a thread does it and not the loop. */
static void *serve(void *arg)
{
    struct request request = *(struct request *)arg;
    int err;

    free(arg);
    pthread_setname_np(pthread_self(), "reports");
    err = request.collect(request.call->n);
    budget_give(THREADS * THREAD_COST, THREADS, 0);
    scene_finish(request.call, err);
    return NULL;
}

static int start(struct scene_call *call, int (*collect)(unsigned n))
{
    struct request *request;
    pthread_t thread;
    int err = -ENOMEM;

    if (budget_take(THREADS * THREAD_COST, THREADS, 0) < 0)
        return -ENOSPC;
    request = malloc(sizeof(*request));
    if (request) {
        *request = (struct request){call, collect};
        err = start_thread(&thread, PTHREAD_CREATE_DETACHED, serve, request);
    }
    if (err < 0) {
        free(request);
        budget_give(THREADS * THREAD_COST, THREADS, 0);
    }
    return err < 0 ? err : SCENE_LATER;
}

__attribute__((noinline)) static int thread_result_fixed(struct scene_call *call)
{
    return start(call, collect_fixed);
}

__attribute__((noinline)) static int thread_result_leak(struct scene_call *call)
{
    return start(call, collect_leak);
}

static int thread_result_start(void)
{
    if (pthread_key_create(&scratch_fixed, free) != 0) /* called when a thread ends */
        return -EAGAIN;
    if (pthread_key_create(&scratch_leak, NULL) != 0) { /* and here nothing is */
        pthread_key_delete(scratch_fixed);
        return -EAGAIN;
    }
    return 0;
}

static void thread_result_stop(void)
{
    pthread_key_delete(scratch_fixed);
    pthread_key_delete(scratch_leak);
}

LAB_TEXT(thread_result);
const struct scene scene_thread_result = {
    .id = "thread-result",
    .lab = LAB(thread_result),
    .title = "What a thread returns, and what it kept for itself",
    .lesson = "Whoever joins a thread owns what it returned, and a thread-specific buffer needs a "
              "destructor.",
    .resource = "heap",
    .signature =
        "inuse_space grows by two blocks a request at two lines of render_report, on stacks "
        "that begin at a thread; the threads themselves are joined and flat.",
    .guilty_function = "render_report",
    .n_max = REPORTS_MAX,
    .start = thread_result_start,
    .stop = thread_result_stop,
    .leak = thread_result_leak,
    .fixed = thread_result_fixed,
    .lost = &lost,
};
