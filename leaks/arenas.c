/*
 * Arenas: every thread's arena keeps its peak.
 *
 * A report is computed by several workers at once. Each builds its rows on the heap, makes a short
 * summary of them and frees the rows. glibc gives concurrent threads arenas of their own, and an
 * arena gives back only what lies free at its top. There stands the summary, the last thing that
 * was allocated: below it the whole peak stays, once for each arena, though all of it is free.
 *
 * What the profiles show: inuse_space is back where it was, alloc_space shows the rows at compute,
 * and RSS stays up by workers times rows. It does not grow for ever: the next report uses the same
 * arenas again. malloc_free_bytes in /stats says where the memory is, and ?gc=1 gives it back.
 */
#include "batch.h"
#include "holding.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { ROW_BYTES = 13370, SUMMARY_BYTES = 5737, WORKERS_MAX = 16, SUMMARIES = 16 };

/* One request: its workers wait for each other, and the last one ends it. All but the constants are
 * protected by own.lock. */
struct report {
    struct scene_call *call;            /* constant: whom to answer */
    size_t rows;                        /* constant: of each worker */
    void (*end)(struct report *report); /* constant: on the last worker's thread */
    unsigned started, arrived; /* workers: in all, once it is known; with their rows done */
    unsigned left, made;       /* workers that have not ended; summaries */
    bool cancelled, leaky;
    char *summaries[WORKERS_MAX];
};

static struct holding own = HOLDING;
static pthread_cond_t gate = PTHREAD_COND_INITIALIZER, quiet = PTHREAD_COND_INITIALIZER;
/* All protected by own.lock. */
static char *recent[2][SUMMARIES]; /* [1]: arenas_leak's */
static unsigned next[2], reports;
static int64_t running, peak, kept; /* what leaky rows need and needed; the budget for what stays */

/* The rows, linked by their first bytes; fewer if memory is out. */
__attribute__((noinline)) static char *compute(size_t rows)
{
    char *list = NULL, *row;

    for (size_t i = 0; i < rows && (row = malloc(ROW_BYTES)); i++) {
        memset(row, 'r', ROW_BYTES);
        memcpy(row, &list, sizeof(list));
        list = row;
    }
    return list;
}

static void free_rows(char *list)
{
    while (list) {
        char *row = list;

        memcpy(&list, row, sizeof(list));
        free(row);
    }
}

/* Shares of the total: all workers' rows have to be there before any of them can be summed up. */
static bool wait_for_the_others(struct report *report)
{
    bool complete;

    pthread_mutex_lock(&own.lock);
    report->arrived++;
    pthread_cond_broadcast(&gate);
    while (!report->started || report->arrived < report->started)
        pthread_cond_wait(&gate, &own.lock);
    complete = !report->cancelled;
    pthread_mutex_unlock(&own.lock);
    return complete;
}

/* The newest summaries are remembered. Under the lock. */
static void remember(char *summary, bool leaky)
{
    char **place = &recent[leaky][next[leaky]++ % SUMMARIES];

    if (leaky && !*place) {
        own.held.objects++;
        own.held.bytes += SUMMARY_BYTES;
    }
    free(*place);
    *place = summary;
}

/* Answers, and gives back of the budget what no arena keeps. */
static void end_report(struct report *report)
{
    const unsigned n = report->call->n;
    const int64_t rows = (int64_t)(n * report->rows * ROW_BYTES);
    int64_t stays = 0;
    int err = 0;

    pthread_mutex_lock(&own.lock);
    if (report->made < n) {
        err = report->cancelled ? -EAGAIN : -ENOMEM;
        while (report->made > 0)
            free(report->summaries[--report->made]);
    }
    for (unsigned i = 0; i < report->made; i++)
        remember(report->summaries[i], report->leaky);
    if (report->leaky) {
        stays = peak - kept < rows ? peak - kept : rows;
        kept += stays;
        running -= rows;
    }
    pthread_mutex_unlock(&own.lock);
    budget_give(rows - stays + (int64_t)n * THREAD_COST, n, 0);
    scene_finish(report->call, err);
    free(report);

    pthread_mutex_lock(&own.lock);
    if (--reports == 0)
        pthread_cond_broadcast(&quiet);
    pthread_mutex_unlock(&own.lock);
}

/* Every arena gives its free pages back, not only what lies at its top. It takes each arena's lock
 * in turn, for as long as that one takes: once after a peak, never once a request. */
__attribute__((noinline)) static void end_report_trimmed(struct report *report)
{
    malloc_trim(0);
    end_report(report);
}

static void *worker(void *arg)
{
    struct report *report = arg;
    char *summary = NULL, *rows;
    bool last;

    pthread_setname_np(pthread_self(), "report");
    rows = compute(report->rows);
    if (wait_for_the_others(report) && rows && (summary = malloc(SUMMARY_BYTES)))
        memset(summary, 's', SUMMARY_BYTES);
    free_rows(rows);

    pthread_mutex_lock(&own.lock);
    if (summary)
        report->summaries[report->made++] = summary;
    last = --report->left == 0;
    pthread_mutex_unlock(&own.lock);
    if (last)
        report->end(report);
    return NULL;
}

/* If one of the workers cannot be made, none of them sums up. */
static int start_report(struct scene_call *call, void (*end)(struct report *), bool leaky)
{
    const size_t rows = call->size / ROW_BYTES;
    const int64_t cost = (int64_t)(call->n * rows * ROW_BYTES);
    struct report *report;
    pthread_attr_t small;
    pthread_t thread;
    int err = 0;

    if (budget_take(cost + (int64_t)call->n * THREAD_COST, call->n, 0) < 0)
        return -ENOSPC;
    report = malloc(sizeof(*report));
    if (!report) {
        budget_give(cost + (int64_t)call->n * THREAD_COST, call->n, 0);
        return -ENOMEM;
    }
    *report = (struct report){.call = call, .rows = rows, .end = end, .leaky = leaky};
    small_thread(&small, PTHREAD_CREATE_DETACHED);
    pthread_mutex_lock(&own.lock);
    while (report->left < call->n && err == 0)
        if ((err = pthread_create(&thread, &small, worker, report)) == 0)
            report->left++;
    if (leaky && (err == 0 || report->left > 0)) {
        running += cost;
        peak = running > peak ? running : peak;
    }
    report->cancelled = err != 0;
    report->started = report->left;
    reports += report->left > 0;
    pthread_cond_broadcast(&gate);
    if (report->left > 0)
        err = 0; /* the last worker answers */
    pthread_mutex_unlock(&own.lock);
    pthread_attr_destroy(&small);
    if (err == 0)
        return SCENE_LATER;
    free(report);
    budget_give(cost + (int64_t)call->n * THREAD_COST, call->n, 0);
    return -EAGAIN;
}

__attribute__((noinline)) static int arenas_fixed(struct scene_call *call)
{
    return start_report(call, end_report_trimmed, false);
}

__attribute__((noinline)) static int arenas_leak(struct scene_call *call)
{
    return start_report(call, end_report, true); /* the fatal line: free() is not enough */
}

static void forget(bool leaky)
{
    for (int i = 0; i < SUMMARIES; i++) {
        free(recent[leaky][i]);
        recent[leaky][i] = NULL;
    }
}

/* The pages go with the malloc_trim() that ends every reset. */
static void arenas_reset(struct held *drained)
{
    int64_t gone;

    pthread_mutex_lock(&own.lock);
    forget(true);
    *drained = holding_drain(&own);
    gone = kept;
    kept = 0;
    peak = running;
    pthread_mutex_unlock(&own.lock);
    budget_give(gone, 0, 0);
}

static void arenas_stop(void)
{
    struct held drained;

    pthread_mutex_lock(&own.lock);
    while (reports > 0)
        pthread_cond_wait(&quiet, &own.lock);
    forget(false);
    pthread_mutex_unlock(&own.lock);
    arenas_reset(&drained);
}

LAB_TEXT(arenas);
const struct scene scene_arenas = {
    .id = "arenas",
    .lab = LAB(arenas),
    .title = "Every thread's arena keeps its peak",
    .lesson = "Freed is not given back: an arena keeps what lies below the last block in use.",
    .resource = "unused",
    .signature =
        "RSS rises by workers times rows and stays, while inuse_space is back where it was; "
        "malloc_free_bytes says where it is, and ?gc=1 (malloc_trim) gives it back.",
    .guilty_function = "compute",
    .n_max = WORKERS_MAX,
    .size_default = 157 * ROW_BYTES,
    .size_min = 64 << 10,
    .size_max = 32 << 20,
    .stop = arenas_stop,
    .leak = arenas_leak,
    .fixed = arenas_fixed,
    .reset = arenas_reset,
    .holding = &own,
};
