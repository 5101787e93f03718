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
#include "kept.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <event2/event.h>

static const struct timeval pay_within = {.tv_usec = 20000};

struct order {
    struct kept kept; /* in the list of orders; one that has not fired is waited for */
    struct event *timer;
    char item[241];
};

static atomic_uint in_stock; /* somebody has to put the item back, or the timer is for nothing */

static void end_order(struct kept *kept);
static struct keeper orders = KEEPER(end_order, 0, .objects = 2); /* its bytes: timer_start() */

static void end_order(struct kept *kept)
{
    struct order *order = (struct order *)kept;

    event_free(order->timer);
    free(order);
    budget_give(orders.bytes, 0, 0);
}

static void cancel_fixed(evutil_socket_t fd, short what, void *arg)
{
    struct order *order = arg;

    (void)fd, (void)what;
    atomic_fetch_add(&in_stock, 1);
    kept_end(
        &order->kept); /* the event with it: libevent allows that in the event's own callback */
}

static void cancel_leak(evutil_socket_t fd, short what, void *arg)
{
    struct order *order = arg;

    (void)fd, (void)what;
    atomic_fetch_add(&in_stock, 1);
    kept_stay(&order->kept); /* the fatal line: it has fired, so it looks gone; nobody frees it */
}

__attribute__((noinline)) static int timer_fixed(struct scene_call *call)
{
    struct round round;
    int err = round_start(&round, &orders, call, false);

    if (err < 0)
        return err;
    while (round.made < call->n) {
        struct order *order = malloc(sizeof(*order));
        struct event *timer = event_new(call->base, -1, 0, cancel_fixed, order);

        if (!order || !timer || event_add(timer, &pay_within) < 0) {
            if (timer)
                event_free(timer);
            free(order);
            err = -ENOMEM;
            break;
        }
        *order = (struct order){.timer = timer};
        snprintf(order->item, sizeof(order->item), "item %u of %u", round.made + 1, call->n);
        round_add(&round, &order->kept);
    }
    return round_end(&round, err);
}

__attribute__((noinline)) static int timer_leak(struct scene_call *call)
{
    struct round round;
    int err = round_start(&round, &orders, call, false);

    if (err < 0)
        return err;
    while (round.made < call->n) {
        struct order *order = malloc(sizeof(*order));
        struct event *timer = event_new(call->base, -1, 0, cancel_leak, order);

        if (!order || !timer || event_add(timer, &pay_within) < 0) {
            if (timer)
                event_free(timer);
            free(order);
            err = -ENOMEM;
            break;
        }
        *order = (struct order){.timer = timer};
        snprintf(order->item, sizeof(order->item), "item %u of %u", round.made + 1, call->n);
        round_add(&round, &order->kept);
    }
    return round_end(&round, err);
}

/* How large an event is, only libevent knows. */
static int timer_start(void)
{
    orders.bytes = (int64_t)(sizeof(struct order) + event_get_struct_event_size());
    orders.each.bytes = orders.bytes;
    return 0;
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
    .start = timer_start,
    .leak = timer_leak,
    .fixed = timer_fixed,
    .keeper = &orders,
};
