/*
 * Unjoined: threads that end and are never joined.
 *
 * A login writes its audit record on a thread of its own, so that the answer need not wait for the
 * disk. Nobody wants anything back from that thread, so nobody joins it. But a thread is joinable
 * unless it is told otherwise: when it ends, its stack and its descriptor wait for the
 * pthread_join() that fetches its value, for as long as the process lives.
 *
 * What the profiles show: the thread count is flat, for all of them have ended, and the heap is
 * flat, for stacks are mapped. Only threadcreate grows: "exited, not joined", created in
 * unjoined_leak. The address space grows by a whole stack for each, RSS by the pages it touched.
 */

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "batch.h"
#include "lost.h"

enum { LOGINS_MAX = 200 };

struct record {
    struct batch *batch;
    bool leaky;
    char line[439];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char journal[439]; /* where a disk would be; protected by lock */

static void *write_record(void *arg)
{
    struct record *record = arg;
    struct batch *batch = record->batch;
    bool leaky = record->leaky;

    pthread_mutex_lock(&lock);
    snprintf(journal, sizeof(journal), "%s", record->line);
    pthread_mutex_unlock(&lock);
    free(record);
    if (!leaky)
        budget_give(THREAD_COST, 1, 0);
    batch_drop(batch);
    return NULL;
}

static struct record *new_record(struct batch *batch, unsigned user, bool leaky)
{
    struct record *record = calloc(1, sizeof(*record));

    if (!record)
        return NULL;
    record->batch = batch;
    record->leaky = leaky;
    snprintf(record->line, sizeof(record->line), "login user=%u from=127.0.0.1", user);
    batch_add(batch);
    return record;
}

static void drop_record(struct record *record)
{
    if (!record)
        return;
    batch_drop(record->batch);
    free(record);
}

/* A thread that has ended already goes at once. */
static void detach(void *thread, int kind)
{
    (void)kind;
    pthread_detach((pthread_t)thread);
}

static struct lost ended = LOST(detach, .beside = THREAD_COST);

__attribute__((noinline)) static int unjoined_fixed(struct scene_call *call)
{
    struct batch *batch;
    struct record *record = NULL;
    pthread_attr_t attr;
    pthread_t thread;
    unsigned made = 0;
    int err = batch_start(&batch, call, true);

    if (err < 0)
        return err;
    small_thread(&attr, PTHREAD_CREATE_DETACHED); /* its end gives all of it back */
    while (made < call->n && err == 0) {
        record = new_record(batch, made, false);
        err = record ? -pthread_create(&thread, &attr, write_record, record) : -ENOMEM;
        made += err == 0;
    }
    pthread_attr_destroy(&attr);
    if (err < 0)
        drop_record(record);
    return batch_end(batch, call, made, err);
}

__attribute__((noinline)) static int unjoined_leak(struct scene_call *call)
{
    struct batch *batch;
    struct record *record = NULL;
    pthread_attr_t attr;
    pthread_t thread;
    unsigned made = 0;
    int err = lost_begin(&ended, (struct held){.unjoined = call->n}, call->n);

    if (err < 0)
        return err;
    batch = batch_new(call);
    if (!batch)
        return lost_end(-ENOMEM);
    small_thread(&attr, PTHREAD_CREATE_JOINABLE); /* as it is by default */
    while (made < call->n && err == 0) {
        record = new_record(batch, made, true);
        /* the fatal line: joinable by default, and the handle goes out of scope */
        err = record ? -pthread_create(&thread, &attr, write_record, record) : -ENOMEM;
        if (err == 0)
            lose((void *)thread, 0); /* for the reset alone */
        made += err == 0;
    }
    pthread_attr_destroy(&attr);
    if (err < 0) {
        drop_record(record);
        batch->call = NULL;
    }
    lost_end(err);
    batch_drop(batch);
    return err < 0 ? err : SCENE_LATER;
}

LAB_TEXT(unjoined);
const struct scene scene_unjoined = {
    .id = "unjoined",
    .lab = LAB(unjoined),
    .title = "Threads that end and are never joined",
    .lesson = "A joinable thread keeps its stack after its end until somebody joins it; detach the "
              "thread that nobody waits for.",
    .resource = "unjoined",
    .signature =
        "The threadcreate profile grows by one \"exited, not joined\" a request, created in "
        "unjoined_leak; the count of threads and the heap stay flat.",
    .guilty_function = "unjoined_leak",
    .n_max = LOGINS_MAX,
    .leak = unjoined_leak,
    .fixed = unjoined_fixed,
    .lost = &ended,
};
