/*
 * Thread: a worker waits for an answer that never comes.
 *
 * A request hands a lookup to a worker thread. The worker asks a backend and waits on a condition;
 * the backend lost the question, nobody will ever signal, and the thread sleeps until the process
 * ends. One such thread costs little, so it is found late: by the limit of threads, not by memory.
 *
 * What the profiles show: the thread count grows by one a request, all of them blocked at one
 * place, wait_for_answer_forever. The heap hardly moves: a stack is mapped, not malloc'ed.
 */
#include "batch.h"
#include "holding.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <time.h>

enum { DEADLINE_MS = 50 };

struct lookup {
    LIST_ENTRY(lookup) entry; /* protected by own.lock */
    struct batch *batch;      /* NULL: a leaky one */
    void (*wait)(struct lookup *lookup);
    pthread_cond_t answer;
    bool answered; /* protected by own.lock */
    char question[313];
};

static struct holding own = HOLDING;
static LIST_HEAD(, lookup) lookups; /* protected by own.lock */

__attribute__((noinline)) static void wait_for_answer_until(struct lookup *lookup)
{
    struct timespec deadline;

    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_nsec += DEADLINE_MS * 1000000L;
    if (deadline.tv_nsec >= 1000000000L) {
        deadline.tv_nsec -= 1000000000L;
        deadline.tv_sec++;
    }
    while (!lookup->answered)
        if (pthread_cond_timedwait(&lookup->answer, &own.lock, &deadline) == ETIMEDOUT)
            return;
}

__attribute__((noinline)) static void wait_for_answer_forever(struct lookup *lookup)
{
    while (!lookup->answered)
        pthread_cond_wait(&lookup->answer,
                          &own.lock); /* the fatal line: who says that one will come? */
}

/* Under the lock. So many leaky lookups come or (negative) go. */
static void count(struct held *sum, int n)
{
    sum->bytes += n * (int64_t)sizeof(struct lookup);
    sum->objects += n;
    sum->threads += n;
}

static void *worker(void *arg)
{
    struct lookup *lookup = arg;
    struct batch *batch = lookup->batch;

    pthread_setname_np(pthread_self(), "lookup");
    pthread_mutex_lock(&own.lock);
    lookup->wait(lookup);
    LIST_REMOVE(lookup, entry);
    if (!batch)
        count(&own.held, -1);
    pthread_mutex_unlock(&own.lock);

    pthread_cond_destroy(&lookup->answer);
    free(lookup);
    budget_give(THREAD_COST, 1, 0);
    batch_drop(batch);
    return NULL;
}

/* Under the lock, so that no worker ends before its batch is complete. */
static int start_lookup(struct batch *batch, void (*wait)(struct lookup *))
{
    struct lookup *lookup = calloc(1, sizeof(*lookup));
    pthread_condattr_t monotonic;
    pthread_attr_t small;
    pthread_t thread;
    int err;

    if (!lookup)
        return -ENOMEM;
    lookup->batch = batch;
    lookup->wait = wait;
    snprintf(lookup->question, sizeof(lookup->question), "who is user %d?", 1337);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&lookup->answer, &monotonic);
    small_thread(&small, PTHREAD_CREATE_DETACHED);

    err = -pthread_create(&thread, &small, worker, lookup);
    pthread_attr_destroy(&small);
    if (err < 0) {
        pthread_cond_destroy(&lookup->answer);
        free(lookup);
        return err;
    }
    LIST_INSERT_HEAD(&lookups, lookup, entry);
    batch_add(batch);
    if (!batch)
        count(&own.held, 1);
    return 0;
}

/* Under the lock. */
static void answer(struct lookup *lookup)
{
    lookup->answered = true;
    pthread_cond_signal(&lookup->answer);
}

static int start_lookups(struct scene_call *call, void (*wait)(struct lookup *), bool waits)
{
    struct lookup *lookup;
    struct batch *batch;
    unsigned made = 0;
    int err = batch_start(&batch, call, waits);

    if (err < 0)
        return err;
    pthread_mutex_lock(&own.lock);
    while (made < call->n && (err = start_lookup(batch, wait)) == 0)
        made++;
    lookup = LIST_FIRST(&lookups); /* the newest: if not all exist, those that do end at once */
    for (unsigned i = 0; err < 0 && i < made; i++, lookup = LIST_NEXT(lookup, entry))
        answer(lookup);
    pthread_mutex_unlock(&own.lock);
    return batch_end(batch, call, made, err);
}

__attribute__((noinline)) static int thread_fixed(struct scene_call *call)
{
    return start_lookups(call, wait_for_answer_until, true);
}

__attribute__((noinline)) static int thread_leak(struct scene_call *call)
{
    return start_lookups(call, wait_for_answer_forever, false);
}

static void thread_reset(struct held *drained)
{
    struct lookup *lookup;

    pthread_mutex_lock(&own.lock);
    LIST_FOREACH(lookup, &lookups, entry)
    {
        if (lookup->batch || lookup->answered)
            continue;
        answer(lookup);
        count(drained, 1);
    }
    pthread_mutex_unlock(&own.lock);
}

LAB_TEXT(thread);
const struct scene scene_thread = {
    .id = "thread",
    .lab = LAB(thread),
    .title = "A thread waits for an answer that never comes",
    .lesson = "A wait without a deadline keeps its thread for ever; give every wait a deadline.",
    .resource = "threads",
    .signature =
        "The threads profile grows by one a request, all blocked in wait_for_answer_forever; "
        "the heap hardly moves, for stacks are mapped.",
    .guilty_function = "wait_for_answer_forever",
    .n_max = 1000,
    .leak = thread_leak,
    .fixed = thread_fixed,
    .reset = thread_reset,
    .holding = &own,
};
