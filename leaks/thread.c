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
#include "holding.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <time.h>

enum {
    DEADLINE_MS = 50,
    STACK_BYTES =
        128 << 10,         /* small, so that thousands fit; glibc puts thread-local data here too */
    THREAD_COST = 48 << 10 /* for the budget: touched stack and the kernel's side of a thread */
};

/* The lookups of one request. */
struct batch {
    struct scene_call *call; /* answered when the last lookup ends; NULL: it has its answer */
    unsigned left;           /* lookups, and one for the request itself; protected by own.lock */
    int result;
};

struct lookup {
    LIST_ENTRY(lookup) entry; /* protected by own.lock */
    struct batch *batch;
    void (*wait)(struct lookup *lookup);
    pthread_cond_t answer;
    bool answered; /* protected by own.lock */
    bool leaky;
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

/* Under the lock. The call to finish when this was the batch's last, else NULL. */
static struct scene_call *batch_drop(struct batch *batch, int *result)
{
    struct scene_call *call = batch->call;

    if (--batch->left > 0)
        return NULL;
    *result = batch->result;
    free(batch);
    return call;
}

static void *worker(void *arg)
{
    struct lookup *lookup = arg;
    struct scene_call *call;
    int result = 0;

    pthread_setname_np(pthread_self(), "lookup");
    pthread_mutex_lock(&own.lock);
    lookup->wait(lookup);
    LIST_REMOVE(lookup, entry);
    if (lookup->leaky) {
        own.held.bytes -= (int64_t)sizeof(*lookup);
        own.held.objects--;
        own.held.threads--;
    }
    call = batch_drop(lookup->batch, &result);
    pthread_mutex_unlock(&own.lock);

    pthread_cond_destroy(&lookup->answer);
    free(lookup);
    budget_give(THREAD_COST, 1, 0);
    if (call)
        scene_finish(call, result);
    return NULL;
}

/* Under the lock, so that no worker ends before its batch is complete. */
static int start_lookup(struct batch *batch, void (*wait)(struct lookup *), bool leaky)
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
    lookup->leaky = leaky;
    snprintf(lookup->question, sizeof(lookup->question), "who is user %d?", 1337);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&lookup->answer, &monotonic);
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, STACK_BYTES);
    pthread_attr_setdetachstate(&small, PTHREAD_CREATE_DETACHED);

    err = -pthread_create(&thread, &small, worker, lookup);
    pthread_attr_destroy(&small);
    if (err < 0) {
        pthread_cond_destroy(&lookup->answer);
        free(lookup);
        return err;
    }
    LIST_INSERT_HEAD(&lookups, lookup, entry);
    batch->left++;
    if (leaky) {
        own.held.bytes += (int64_t)sizeof(*lookup);
        own.held.objects++;
        own.held.threads++;
    }
    return 0;
}

/* Under the lock. Wakes the workers of one batch, or (NULL) all leaky ones. */
static void answer(const struct batch *batch, struct held *woken)
{
    struct lookup *lookup;

    LIST_FOREACH(lookup, &lookups, entry)
    {
        if (lookup->answered || (batch ? lookup->batch != batch : !lookup->leaky))
            continue;
        lookup->answered = true;
        pthread_cond_signal(&lookup->answer);
        woken->bytes += (int64_t)sizeof(*lookup);
        woken->objects++;
        woken->threads++;
    }
}

static int start_lookups(struct scene_call *call, void (*wait)(struct lookup *), bool leaky)
{
    struct batch *batch;
    struct held woken = {0};
    unsigned made = 0;
    int err = 0, result;

    if (budget_take((int64_t)call->n * THREAD_COST, call->n, 0) < 0)
        return -ENOSPC;
    batch = malloc(sizeof(*batch));
    if (!batch) {
        budget_give((int64_t)call->n * THREAD_COST, call->n, 0);
        return -ENOMEM;
    }
    pthread_mutex_lock(&own.lock);
    *batch = (struct batch){.left = 1};
    while (made < call->n && (err = start_lookup(batch, wait, leaky)) == 0)
        made++;
    if (err < 0)
        answer(batch, &woken); /* those that exist end at once: nothing was done */
    else if (!leaky)
        batch->call = call;
    batch_drop(batch, &result);
    pthread_mutex_unlock(&own.lock);
    budget_give((int64_t)(call->n - made) * THREAD_COST, call->n - made, 0);
    return err;
}

__attribute__((noinline)) static int thread_fixed(struct scene_call *call)
{
    int err = start_lookups(call, wait_for_answer_until, false);

    return err < 0 ? err : SCENE_LATER;
}

__attribute__((noinline)) static int thread_leak(struct scene_call *call)
{
    return start_lookups(call, wait_for_answer_forever, true);
}

static void thread_reset(struct held *drained)
{
    pthread_mutex_lock(&own.lock);
    answer(NULL, drained);
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
