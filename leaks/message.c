/*
 * Message: an unpacked message is a tree of blocks, and it is not given back, or not all of it.
 *
 * A shop takes orders as protocol buffers. unpack() of protobuf-c allocates the message, each
 * string, each repeated field and each message in it; free_unpacked() frees exactly what it then
 * finds there. Two mistakes: an order that only asks for a quote is answered and never freed; and
 * an order that is booked has its customer's name replaced by a tidy one, so that free_unpacked()
 * frees the tidy one, and nobody the first.
 *
 * What the profiles show: inuse_space and inuse_objects grow under message_leak, but no malloc
 * stands there: it is libprotobuf-c that allocates, several small blocks a message, and the guilty
 * line is the call of unpack().
 */
#include "lost.h"

#include <ctype.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "message.pb-c.h"

enum { CUSTOMER_BYTES = 131, ARTICLE_BYTES = 29, ITEMS = 3 };
enum { ORDER, NAME, KINDS }; /* of what is lost, one each a turn */

static atomic_uint pieces, booked; /* somebody has to read the orders */

static void price(const Shop__Order *order)
{
    for (size_t i = 0; i < order->n_items; i++)
        atomic_fetch_add_explicit(&pieces, order->items[i]->pieces, memory_order_relaxed);
}

static void book(const Shop__Order *order)
{
    price(order);
    atomic_fetch_add_explicit(&booked, strlen(order->customer) > 0, memory_order_relaxed);
}

static void tidy(char *name)
{
    for (; *name; name++)
        *name = (char)toupper((unsigned char)*name);
}

static void give_back(void *block, int kind)
{
    if (kind == ORDER)
        shop__order__free_unpacked(block, NULL);
    else
        free(block);
}

static struct lost lost = LOST(give_back);

__attribute__((noinline)) static int message_fixed(const uint8_t *packed, size_t length)
{
    Shop__Order *order = shop__order__unpack(NULL, length, packed);
    char *name = NULL;
    int err = -ENOMEM;

    if (!order)
        return err;
    if (order->quote) {
        price(order);
        err = 0;
        goto out;
    }
    name = strdup(order->customer);
    if (!name)
        goto out;
    tidy(name);
    free(order->customer); /* what unpack() put there is ours to give back when we replace it */
    order->customer = name;
    book(order);
    err = 0;
out:
    shop__order__free_unpacked(order, NULL);
    return err;
}

/* What is lost is for the reset alone. */
__attribute__((noinline)) static int message_leak(const uint8_t *packed, size_t length)
{
    Shop__Order *order = shop__order__unpack(NULL, length, packed);
    char *name = NULL;
    int err = -ENOMEM;

    if (!order)
        return err;
    if (order->quote) {
        price(order);
        lose(order, ORDER);
        return 0; /* the fatal line: a message is not a value, all of its tree stays */
    }
    name = strdup(order->customer);
    if (!name)
        goto out;
    tidy(name);
    lose(order->customer, NAME);
    order->customer = name; /* and the smaller one: free_unpacked() will free this one only */
    book(order);
    err = 0;
out:
    shop__order__free_unpacked(order, NULL);
    return err;
}

/* The blocks of an order that is not freed: itself, its customer, its scan, its items' array, the
 * items and their articles; and the name of another one. */
static struct held cost_of(const struct scene_call *call)
{
    const size_t tree = sizeof(Shop__Order) + CUSTOMER_BYTES + call->size +
                        ITEMS * (sizeof(Shop__Item *) + sizeof(Shop__Item) + ARTICLE_BYTES);

    return (struct held){.bytes = call->n * (int64_t)(tree + CUSTOMER_BYTES),
                         .objects = call->n * (int64_t)(4 + 2 * ITEMS + 1)};
}

static uint8_t *pack(size_t scan, bool quote, size_t *length)
{
    char customer[CUSTOMER_BYTES] = {0}, article[ARTICLE_BYTES] = {0};
    Shop__Order order = SHOP__ORDER__INIT;
    Shop__Item item = SHOP__ITEM__INIT;
    Shop__Item *items[ITEMS] = {&item, &item, &item};
    uint8_t *packed;

    memset(customer, 'c', sizeof(customer) - 1);
    memset(article, 'a', sizeof(article) - 1);
    item.article = article;
    item.pieces = 7;
    order.customer = customer;
    order.n_items = ITEMS;
    order.items = items;
    order.quote = quote;
    order.scan.len = scan;
    order.scan.data = calloc(1, scan);
    *length = shop__order__get_packed_size(&order);
    packed = malloc(*length);
    if (packed && order.scan.data)
        shop__order__pack(&order, packed);
    if (!order.scan.data) {
        free(packed);
        packed = NULL;
    }
    free(order.scan.data);
    return packed;
}

/* Each time two orders: one asks for a quote, one is booked. */
static int receive(const struct scene_call *call, int (*handle)(const uint8_t *, size_t))
{
    size_t quote_length, order_length;
    uint8_t *quote = pack(call->size, true, &quote_length);
    uint8_t *order = pack(call->size, false, &order_length);
    int err = quote && order ? 0 : -ENOMEM;

    for (unsigned i = 0; i < call->n && err == 0; i++) {
        err = handle(quote, quote_length);
        if (err == 0)
            err = handle(order, order_length);
    }
    free(quote);
    free(order);
    return err;
}

static int on_fixed(struct scene_call *call)
{
    const int64_t cost = 4 * (int64_t)call->size;
    int err = budget_take(cost, 0, 0);

    if (err == 0) {
        err = receive(call, message_fixed);
        budget_give(cost, 0, 0);
    }
    return err;
}

static int on_leak(struct scene_call *call)
{
    int err = lost_begin(&lost, cost_of(call), KINDS * (size_t)call->n);

    if (err == 0)
        err = receive(call, message_leak);
    return lost_end(err);
}

LAB_TEXT(message);
const struct scene scene_message = {
    .id = "message",
    .lab = LAB(message),
    .title = "An unpacked message is not freed",
    .lesson = "free_unpacked() frees what it finds in the message: call it on every path, and free "
              "what you replace.",
    .resource = "heap",
    .signature =
        "inuse_objects grows by eleven a hit, all allocated by libprotobuf-c under message_leak: "
        "ten are one whole message, one is a string that was overwritten.",
    .guilty_function = "message_leak",
    .n_max = 1000,
    .size_default = 1979,
    .size_min = 16,
    .size_max = 16 << 10,
    .leak = on_leak,
    .fixed = on_fixed,
    .lost = &lost,
};
