/*
 * Pool: objects come back with their grown buffers, to a pool without bound.
 *
 * To spare malloc, a service keeps messages for use again. A reader takes one from its pool and
 * fills it, and a writer sends it and puts it into its own pool; each has its own, so that they
 * need not share a lock. Nobody reads in the writer: its pool only grows. And each message that
 * comes back has the room that the largest reply made it grow to.
 *
 * What the profiles show: inuse_space grows by one grown buffer a request, at the realloc in
 * pool_leak, which is right where it stands: the profile names who made the memory, and the mistake
 * is where it is put back. As much is in use as was allocated, and nothing of it is freed: this
 * pool never gave anything out again.
 */
#include "holding.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { POOL_MAX = 16, ROOM_KEPT = 1021 };

struct message {
    struct message *next; /* in a pool */
    size_t room, length;
    char *bytes;
};

struct pool {
    struct message *first;
    unsigned n;
};

static struct holding own = HOLDING;
static struct pool readers, writers; /* pool_leak's; protected by own.lock */
static struct pool shared;           /* pool_fixed's; protected by own.lock */

static int64_t cost_of(size_t size)
{
    return (int64_t)(sizeof(struct message) + size);
}

static void free_message(struct message *message)
{
    if (message)
        free(message->bytes);
    free(message);
}

static struct message *pool_take(struct pool *pool)
{
    struct message *message = pool->first;

    if (message) {
        pool->first = message->next;
        pool->n--;
    }
    return message;
}

static void pool_put(struct pool *pool, struct message *message)
{
    message->length = 0;
    message->next = pool->first;
    pool->first = message;
    pool->n++;
}

/* No more than so many, and none with more room than most replies need. */
static void pool_put_bounded(struct pool *pool, struct message *message)
{
    if (message->room > ROOM_KEPT) {
        char *less = realloc(message->bytes, ROOM_KEPT);

        if (less) {
            message->bytes = less;
            message->room = ROOM_KEPT;
        }
    }
    if (pool->n < POOL_MAX && message->room <= ROOM_KEPT)
        pool_put(pool, message);
    else
        free_message(message);
}

static void pool_clear(struct pool *pool)
{
    struct message *message;

    while ((message = pool_take(pool)))
        free_message(message);
}

static void write_reply(struct message *message, size_t size)
{
    memset(message->bytes, 'm', size);
    message->length = size;
}

__attribute__((noinline)) static int pool_fixed(struct scene_call *call)
{
    const int64_t cost = cost_of(call->size);
    int err = 0;

    if (work_begin(&own, cost) < 0)
        return -ENOSPC;
    for (unsigned i = 0; i < call->n && err == 0; i++) {
        struct message *message = pool_take(&shared);
        char *more = NULL;

        if (!message)
            message = calloc(1, sizeof(*message));
        if (message && message->room < call->size && (more = realloc(message->bytes, call->size))) {
            message->bytes = more;
            message->room = call->size;
        }
        if (!message || !message->bytes || message->room < call->size) {
            free_message(message);
            err = -ENOMEM;
            break;
        }
        write_reply(message, call->size);
        pool_put_bounded(&shared, message); /* whence it came, and not larger than it has to be */
    }
    return work_end(&own, cost, (struct held){0}, err);
}

__attribute__((noinline)) static int pool_leak(struct scene_call *call)
{
    const int64_t cost = call->n * cost_of(call->size);
    int err = 0;

    if (work_begin(&own, cost) < 0)
        return -ENOSPC;
    for (unsigned i = 0; i < call->n && err == 0; i++) {
        struct message *message = pool_take(&readers);
        char *more = NULL;

        if (!message)
            message = calloc(1, sizeof(*message));
        if (message && message->room < call->size && (more = realloc(message->bytes, call->size))) {
            message->bytes = more;
            message->room = call->size;
        }
        if (!message || !message->bytes || message->room < call->size) {
            free_message(message);
            while (i-- > 0)
                free_message(pool_take(&writers));
            err = -ENOMEM;
            break;
        }
        write_reply(message, call->size);
        pool_put(&writers, message); /* the fatal line: as large as it is, where nobody takes */
    }
    return work_end(&own, cost, (struct held){.bytes = cost, .objects = 2 * (int64_t)call->n}, err);
}

static void pool_reset(struct held *drained)
{
    struct pool gone;

    pthread_mutex_lock(&own.lock);
    pool_clear(&shared);
    gone = writers;
    writers = (struct pool){0};
    *drained = holding_drain(&own);
    pthread_mutex_unlock(&own.lock);

    pool_clear(&gone);
    budget_give(drained->bytes, 0, 0);
}

LAB_TEXT(pool);
const struct scene scene_pool = {
    .id = "pool",
    .lab = LAB(pool),
    .title = "A pool without bound, full of grown buffers",
    .lesson = "What comes back to a pool is not free: trim what has grown, bound the pool, and put "
              "back where you took.",
    .resource = "heap",
    .signature =
        "inuse_space grows by one grown buffer a request at the realloc in pool_leak, and "
        "inuse_objects by two; allocated and in use are the same, so nothing is used again.",
    .guilty_function = "pool_leak",
    .n_max = 1000,
    .size_default = 13331,
    .size_min = 64,
    .size_max = 64 << 10,
    .leak = pool_leak,
    .fixed = pool_fixed,
    .reset = pool_reset,
    .holding = &own,
};
