/*
 * What a scene holds, counted where it happens, and the lock of it: the scene's own state is
 * protected by the same lock, so that the count is never apart from what it counts. Static, and the
 * scene points to it.
 */
#ifndef LEAKS_HOLDING_H
#define LEAKS_HOLDING_H

#include <pthread.h>

#include "scene.h"

struct holding {
    pthread_mutex_t lock;
    struct held held; /* protected by lock */
};
#define HOLDING                                                                                    \
    {                                                                                              \
        .lock = PTHREAD_MUTEX_INITIALIZER                                                          \
    }

/* Under the lock: what is held, and from now on nothing is. Its budget is the caller's to give. */
static inline struct held holding_drain(struct holding *holding)
{
    struct held all = holding->held;

    holding->held = (struct held){0};
    return all;
}

/* Work under the lock, from end to end: takes the budget and then the lock. 0 or -ENOSPC; only
 * after 0 must work_end() follow. */
static inline int work_begin(struct holding *holding, int64_t bytes)
{
    int err = budget_take(bytes, 0, 0);

    if (err == 0)
        pthread_mutex_lock(&holding->lock);
    return err;
}

/* `stays` is held from now on, unless err < 0; the rest of the budget goes back. Answers err. */
static inline int work_end(struct holding *holding, int64_t bytes, struct held stays, int err)
{
    if (err < 0)
        stays = (struct held){0};
    holding->held.bytes += stays.bytes;
    holding->held.objects += stays.objects;
    pthread_mutex_unlock(&holding->lock);
    budget_give(bytes - stays.bytes, 0, 0);
    return err;
}

#endif
