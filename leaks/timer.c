/*
 * Timer: a timer has fired, and nobody frees it.
 *
 * A shop puts an ordered item aside and arms a timer: who has not paid when it fires loses the
 * item. The callback does what the timer is for, and a timer that fires once looks gone after that.
 * It is not: event_new() made it, so only event_free() unmakes it. The order stays with it, for the
 * list of orders is there to cancel what is pending, and nobody takes out what has fired.
 *
 * What the profiles show: inuse_space and inuse_objects grow at timer_leak by two blocks a turn,
 * the order and, called from libevent, the event of 128 bytes. The place is where the timer was
 * made; the mistake is in the callback. Nothing is pending any more, so no processor time gives it
 * away.
 */
#include "scene.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#include <event2/event.h>

static const struct timeval pay_within = {.tv_usec = 20000};

/* The orders of one request. One loop's. */
struct batch {
    struct scene_call *answer; /* whom to answer when the last timer has fired */
    unsigned left;
};

struct order {
    LIST_ENTRY(order) entry;
    struct loop *loop;
    struct batch *batch; /* NULL: its timer has fired */
    struct event *timer;
    char item[241];
};

/* libevent's objects belong to the loop they were made on, and so do the orders that hold them. */
struct loop {
    struct loop *next; /* protected by lock; loops are never taken out while the server runs */
    struct event_base *base;
    LIST_HEAD(, order) pending, fired; /* this loop's thread only */
    atomic_int leaked;                 /* how many are in fired */
    atomic_bool draining;              /* drop_fired() is on its way */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct loop *loops;   /* protected by lock */
static atomic_uint in_stock; /* somebody has to put the item back, or the timer is for nothing */

static struct loop *loop_of(struct event_base *base)
{
    struct loop *loop;

    pthread_mutex_lock(&lock);
    for (loop = loops; loop && loop->base != base; loop = loop->next)
        ;
    if (!loop && (loop = calloc(1, sizeof(*loop)))) {
        loop->base = base;
        loop->next = loops;
        loops = loop;
    }
    pthread_mutex_unlock(&lock);
    return loop;
}

static int64_t cost(void)
{
    return (int64_t)(sizeof(struct order) + event_get_struct_event_size());
}

static void end_order(struct order *order)
{
    LIST_REMOVE(order, entry);
    event_free(order->timer);
    free(order);
    budget_give(cost(), 0, 0);
}

static void batch_drop(struct batch *batch)
{
    if (--batch->left > 0)
        return;
    scene_finish(batch->answer, 0);
    free(batch);
}

static void cancel_fixed(evutil_socket_t fd, short what, void *arg)
{
    struct order *order = arg;
    struct batch *batch = order->batch;

    (void)fd, (void)what;
    atomic_fetch_add(&in_stock, 1);
    end_order(order); /* the event with it: libevent allows that in the event's own callback */
    batch_drop(batch);
}

static void cancel_leak(evutil_socket_t fd, short what, void *arg)
{
    struct order *order = arg;
    struct batch *batch = order->batch;

    (void)fd, (void)what;
    atomic_fetch_add(&in_stock, 1);
    order->batch = NULL; /* the fatal line: it has fired, so it looks gone; it was never freed */
    LIST_REMOVE(order, entry);
    LIST_INSERT_HEAD(&order->loop->fired, order, entry);
    atomic_fetch_add(&order->loop->leaked, 1);
    batch_drop(batch);
}

/* All or nothing: the newest `made` orders go, and the budget of those that were never made. */
static int undo(struct loop *loop, struct batch *batch, unsigned made, unsigned n)
{
    for (unsigned i = 0; i < made; i++)
        end_order(LIST_FIRST(&loop->pending));
    budget_give((int64_t)(n - made) * cost(), 0, 0);
    free(batch);
    return -ENOMEM;
}

__attribute__((noinline)) static int timer_fixed(struct scene_call *call)
{
    struct loop *loop = loop_of(call->base);
    struct batch *batch;

    if (budget_take((int64_t)call->n * cost(), 0, 0) < 0)
        return -ENOSPC;
    if (!(batch = malloc(sizeof(*batch))) || !loop)
        return undo(loop, batch, 0, call->n);
    *batch = (struct batch){call, call->n};
    for (unsigned made = 0; made < call->n; made++) {
        struct order *order = malloc(sizeof(*order));
        struct event *timer = event_new(loop->base, -1, 0, cancel_fixed, order);

        if (!order || !timer || event_add(timer, &pay_within) < 0) {
            if (timer)
                event_free(timer);
            free(order);
            return undo(loop, batch, made, call->n);
        }
        *order = (struct order){.loop = loop, .batch = batch, .timer = timer};
        snprintf(order->item, sizeof(order->item), "item %u of %u", made + 1, call->n);
        LIST_INSERT_HEAD(&loop->pending, order, entry);
    }
    return SCENE_LATER;
}

__attribute__((noinline)) static int timer_leak(struct scene_call *call)
{
    struct loop *loop = loop_of(call->base);
    struct batch *batch;

    if (budget_take((int64_t)call->n * cost(), 0, 0) < 0)
        return -ENOSPC;
    if (!(batch = malloc(sizeof(*batch))) || !loop)
        return undo(loop, batch, 0, call->n);
    *batch = (struct batch){call, call->n};
    for (unsigned made = 0; made < call->n; made++) {
        struct order *order = malloc(sizeof(*order));
        struct event *timer = event_new(loop->base, -1, 0, cancel_leak, order);

        if (!order || !timer || event_add(timer, &pay_within) < 0) {
            if (timer)
                event_free(timer);
            free(order);
            return undo(loop, batch, made, call->n);
        }
        *order = (struct order){.loop = loop, .batch = batch, .timer = timer};
        snprintf(order->item, sizeof(order->item), "item %u of %u", made + 1, call->n);
        LIST_INSERT_HEAD(&loop->pending, order, entry);
    }
    return SCENE_LATER;
}

static struct held held_by(int leaked)
{
    return (struct held){.bytes = leaked * cost(), .objects = 2 * leaked};
}

static void drop_fired(void *arg)
{
    struct loop *loop = arg;
    int dropped = 0;

    for (; !LIST_EMPTY(&loop->fired); dropped++)
        end_order(LIST_FIRST(&loop->fired));
    atomic_fetch_sub(&loop->leaked, dropped);
    /* Last: what is on its way out is not counted again. Nobody leaks on this loop meanwhile. */
    atomic_store(&loop->draining, false);
}

static void timer_reset(struct held *drained)
{
    int leaked = 0;

    pthread_mutex_lock(&lock);
    for (struct loop *loop = loops; loop; loop = loop->next) {
        if (atomic_load(&loop->leaked) == 0 || atomic_exchange(&loop->draining, true))
            continue;
        leaked += atomic_load(&loop->leaked);
        if (scene_on_loop(loop->base, drop_fired, loop) < 0)
            atomic_store(&loop->draining, false);
    }
    pthread_mutex_unlock(&lock);
    *drained = held_by(leaked);
}

static struct held timer_held(void)
{
    int leaked = 0;

    pthread_mutex_lock(&lock);
    for (struct loop *loop = loops; loop; loop = loop->next)
        leaked += atomic_load(&loop->leaked);
    pthread_mutex_unlock(&lock);
    return held_by(leaked);
}

static void timer_stop(void)
{
    while (loops) {
        struct loop *loop = loops;

        loops = loop->next;
        while (!LIST_EMPTY(&loop->fired))
            end_order(LIST_FIRST(&loop->fired));
        while (!LIST_EMPTY(&loop->pending)) {
            struct batch *batch = LIST_FIRST(&loop->pending)->batch;

            end_order(LIST_FIRST(&loop->pending));
            batch_drop(batch);
        }
        free(loop);
    }
}

LAB_TEXT(timer);
const struct scene scene_timer = {
    .id = "timer",
    .lab = LAB(timer),
    .title = "A timer that has fired and is never freed",
    .lesson =
        "A one-shot timer ends when it fires, but its event lives until event_free(): free it "
        "in the callback.",
    .resource = "heap",
    .signature = "inuse_space grows at timer_leak by an order and libevent's event of 128 bytes a "
                 "turn, two objects; threads, descriptors and processor time stay flat.",
    .guilty_function = "timer_leak",
    .n_max = 10000,
    .stop = timer_stop,
    .leak = timer_leak,
    .fixed = timer_fixed,
    .reset = timer_reset,
    .held = timer_held,
};
