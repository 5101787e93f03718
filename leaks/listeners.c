/*
 * Listeners: observers registered by each request and never unregistered.
 *
 * An upload that is cut off by the end of the server has to be marked as broken. So each upload
 * registers an observer of the shutdown, and the observer frees the upload, for then nobody else
 * will. Uploads that end in good order need no observer any more, but nobody takes theirs off the
 * list: it holds every upload since the start, and so it may not be freed either.
 *
 * What the profiles show: inuse_space and inuse_objects grow by one upload a request, at the malloc
 * in listeners_leak. At the exit the list is walked and every upload is freed, as it should be: who
 * only looks for blocks that are left at the end finds nothing.
 */
#include "holding.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

struct observer {
    TAILQ_ENTRY(observer) entry; /* protected by own.lock */
    void (*on_shutdown)(struct observer *observer);
};

TAILQ_HEAD(observers, observer);

struct upload {
    struct observer observer; /* first: on_shutdown() gets this */
    bool stored;
    size_t length;
    char chunk[1409];
};

static struct holding own = HOLDING;
static struct observers of_fixed = TAILQ_HEAD_INITIALIZER(of_fixed); /* protected by own.lock */
static struct observers of_leak = TAILQ_HEAD_INITIALIZER(of_leak);   /* protected by own.lock */
static atomic_uint broken;

static void on_shutdown(struct observer *observer)
{
    struct upload *upload = (struct upload *)observer;

    atomic_fetch_add_explicit(&broken, !upload->stored, memory_order_relaxed);
    free(upload);
}

static void observe(struct observers *observers, struct observer *observer)
{
    observer->on_shutdown = on_shutdown;
    TAILQ_INSERT_TAIL(observers, observer, entry);
}

static void forget(struct observers *observers, struct observer *observer)
{
    TAILQ_REMOVE(observers, observer, entry);
}

/* Tells the last n of them that the server ends. */
static void notify(struct observers *observers, int64_t n)
{
    for (; n > 0; n--) {
        struct observer *observer = TAILQ_LAST(observers, observers);

        forget(observers, observer);
        observer->on_shutdown(observer);
    }
}

static void store(struct upload *upload)
{
    memset(upload->chunk, 'x', sizeof(upload->chunk));
    upload->length = sizeof(upload->chunk);
    upload->stored = true;
}

__attribute__((noinline)) static int listeners_fixed(struct scene_call *call)
{
    const int64_t cost = sizeof(struct upload);
    int err = 0;

    if (work_begin(&own, cost) < 0)
        return -ENOSPC;
    for (unsigned i = 0; i < call->n && err == 0; i++) {
        struct upload *upload = malloc(sizeof(*upload));

        if (upload) {
            upload->stored = false;
            observe(&of_fixed, &upload->observer);
            store(upload);
            forget(&of_fixed, &upload->observer); /* it is stored: no shutdown can break it */
            free(upload);
        } else {
            err = -ENOMEM;
        }
    }
    return work_end(&own, cost, (struct held){0}, err);
}

__attribute__((noinline)) static int listeners_leak(struct scene_call *call)
{
    const int64_t cost = call->n * (int64_t)sizeof(struct upload);
    unsigned made = 0;
    int err = 0;

    if (work_begin(&own, cost) < 0)
        return -ENOSPC;
    for (unsigned i = 0; i < call->n && err == 0; i++) {
        struct upload *upload = malloc(sizeof(*upload));

        if (upload) {
            upload->stored = false;
            observe(&of_leak, &upload->observer);
            store(upload); /* the fatal line: stored, and still on the list of who may be broken */
            made++;
        } else {
            err = -ENOMEM;
        }
    }
    if (err < 0)
        notify(&of_leak, made);
    return work_end(&own, cost, (struct held){.bytes = cost, .objects = made}, err);
}

static void listeners_reset(struct held *drained)
{
    struct observers told = TAILQ_HEAD_INITIALIZER(told);

    pthread_mutex_lock(&own.lock);
    TAILQ_CONCAT(&told, &of_leak, entry);
    *drained = holding_drain(&own);
    pthread_mutex_unlock(&own.lock);

    notify(&told, drained->objects);
    budget_give(drained->bytes, 0, 0);
}

LAB_TEXT(listeners);
const struct scene scene_listeners = {
    .id = "listeners",
    .lab = LAB(listeners),
    .title = "Observers that are never unregistered",
    .lesson = "Who registers has to unregister: a list of observers keeps all that stands in it.",
    .resource = "heap",
    .signature =
        "inuse_space and inuse_objects grow by one upload a request at listeners_leak, all of it "
        "reachable and freed at the exit; threads and descriptors stay flat.",
    .guilty_function = "listeners_leak",
    .n_max = 2000,
    .leak = listeners_leak,
    .fixed = listeners_fixed,
    .reset = listeners_reset,
    .holding = &own,
};
