/*
 * The threads of one request: its call is finished by whichever of them ends last. The one who
 * starts them counts as one until all are started, so that nothing ends before it is whole. Where
 * nobody waits for the threads, the batch is NULL.
 */
#ifndef LEAKS_BATCH_H
#define LEAKS_BATCH_H

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include "scene.h"

enum {
    STACK_BYTES = 128 << 10, /* small, so that thousands fit; glibc puts thread-local data there */
    THREAD_COST = 48 << 10   /* for the budget: touched stack and the kernel's side of a thread */
};

/* How a scene's threads are made; PTHREAD_CREATE_JOINABLE or _DETACHED. */
static inline void small_thread(pthread_attr_t *attr, int state)
{
    pthread_attr_init(attr);
    pthread_attr_setstacksize(attr, STACK_BYTES);
    pthread_attr_setdetachstate(attr, state);
}

struct batch {
    struct scene_call *call; /* NULL: it has its answer, or will. The starter's until it drops */
    atomic_uint left;
};

/* Held once, by the starter; NULL: no memory. */
static inline struct batch *batch_new(struct scene_call *call)
{
    struct batch *batch = malloc(sizeof(*batch));

    if (batch) {
        batch->call = call;
        atomic_init(&batch->left, 1);
    }
    return batch;
}

static inline void batch_add(struct batch *batch)
{
    if (batch)
        atomic_fetch_add(&batch->left, 1);
}

/* The last one finishes the call and frees the batch. */
static inline void batch_drop(struct batch *batch)
{
    struct scene_call *call;

    if (!batch || atomic_fetch_sub(&batch->left, 1) > 1)
        return;
    call = batch->call;
    free(batch);
    if (call)
        scene_finish(call, 0);
}

/* Takes the budget for a thread each time; *batch is NULL if the call does not wait for them. 0,
 * -ENOSPC or -ENOMEM; only after 0 must batch_end() follow. */
static inline int batch_start(struct batch **batch, struct scene_call *call, bool waits)
{
    *batch = NULL;
    if (budget_take((int64_t)call->n * THREAD_COST, call->n, 0) < 0)
        return -ENOSPC;
    if (!waits || (*batch = batch_new(call)))
        return 0;
    budget_give((int64_t)call->n * THREAD_COST, call->n, 0);
    return -ENOMEM;
}

/* That many threads were made, each of which gives its budget back at its end; err < 0: and will
 * end soon, for nothing was done. Answers what the scene has to answer. */
static inline int batch_end(struct batch *batch, struct scene_call *call, unsigned made, int err)
{
    int result = err == 0 && batch ? SCENE_LATER : err;

    if (err < 0 && batch)
        batch->call = NULL;
    budget_give((int64_t)(call->n - made) * THREAD_COST, call->n - made, 0);
    batch_drop(batch);
    return result;
}

#endif
