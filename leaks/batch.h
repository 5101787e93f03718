/*
 * The threads of one request: its call is finished by whichever of them ends last. The one who
 * starts them counts as one until all are started, so that nothing ends before it is whole. Where
 * nobody waits for the threads, the batch is NULL.
 */
#ifndef LEAKS_BATCH_H
#define LEAKS_BATCH_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

#include "scene.h"

struct batch {
    struct scene_call
        *call; /* NULL: it has, or will have, its answer. The starter's until it drops */
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

#endif
