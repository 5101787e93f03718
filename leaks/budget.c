/*
 * One budget for all scenes together. Three resources are taken at once or not at all, which is why
 * this is a lock and not three atomics: a half-taken budget, even for a moment, would refuse
 * someone else for nothing.
 */
#include "scene.h"

#include <errno.h>
#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct held limit, used; /* protected by lock; objects are not budgeted */

void budget_set(int64_t bytes, int64_t threads, int64_t fds)
{
    pthread_mutex_lock(&lock);
    limit = (struct held){.bytes = bytes, .threads = threads, .fds = fds};
    pthread_mutex_unlock(&lock);
}

int budget_take(int64_t bytes, int64_t threads, int64_t fds)
{
    int err = -ENOSPC;

    pthread_mutex_lock(&lock);
    if (bytes <= limit.bytes - used.bytes && threads <= limit.threads - used.threads &&
        fds <= limit.fds - used.fds) {
        used.bytes += bytes;
        used.threads += threads;
        used.fds += fds;
        err = 0;
    }
    pthread_mutex_unlock(&lock);
    return err;
}

void budget_give(int64_t bytes, int64_t threads, int64_t fds)
{
    pthread_mutex_lock(&lock);
    used.bytes -= bytes;
    used.threads -= threads;
    used.fds -= fds;
    pthread_mutex_unlock(&lock);
}

void budget_used(struct held *out)
{
    pthread_mutex_lock(&lock);
    *out = used;
    pthread_mutex_unlock(&lock);
}
