/*
 * Connpool: a pooled connection is not put back on the error path.
 *
 * A service keeps connections to its store in a pool: take an idle one or open one, ask, put it
 * back. A question about an unknown user is an error, the error leaves early, and the early way out
 * does not pass the line that puts the connection back. The pool still has it on its list, as in
 * use, and opens another for the next request. Tests with good requests never see it; a thousand
 * requests for users that were deleted make a thousand connections.
 *
 * What the profiles show: inuse_space grows at connpool_leak by one connection with its buffers for
 * each request that failed, and for none that was answered. Every block can be reached, from the
 * pool's own list.
 */
#include "holding.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

enum { IDLE_MAX = 4, UNKNOWN = 3 /* every third user is */ };

struct connection {
    LIST_ENTRY(connection) entry; /* the pool's list of all, for its end */
    SLIST_ENTRY(connection) next; /* among the idle ones, or (for the reset alone) the lost */
    char question[337], answer[2003];
};
SLIST_HEAD(connections, connection);

static struct holding own = HOLDING;
static LIST_HEAD(, connection) all;   /* protected by own.lock */
static struct connections idle, lost; /* protected by own.lock */
static int nidle;                     /* protected by own.lock */
static atomic_uint users, failed;

static struct connection *take_idle(void)
{
    struct connection *connection;

    pthread_mutex_lock(&own.lock);
    connection = SLIST_FIRST(&idle);
    if (connection) {
        SLIST_REMOVE_HEAD(&idle, next);
        nidle--;
    }
    pthread_mutex_unlock(&own.lock);
    return connection;
}

/* Under the lock. */
static void close_first(struct connections *list)
{
    struct connection *connection = SLIST_FIRST(list);

    SLIST_REMOVE_HEAD(list, next);
    LIST_REMOVE(connection, entry);
    free(connection);
    budget_give((int64_t)sizeof(*connection), 0, 0);
}

static void add_opened(struct connection *connection)
{
    pthread_mutex_lock(&own.lock);
    LIST_INSERT_HEAD(&all, connection, entry);
    pthread_mutex_unlock(&own.lock);
}

static void put_back(struct connection *connection)
{
    pthread_mutex_lock(&own.lock);
    SLIST_INSERT_HEAD(&idle, connection, next);
    if (++nidle > IDLE_MAX) {
        close_first(&idle);
        nidle--;
    }
    pthread_mutex_unlock(&own.lock);
}

static int ask(struct connection *connection, unsigned user)
{
    snprintf(connection->question, sizeof(connection->question), "GET user:%u", user);
    if (user % UNKNOWN == 0)
        return -ENOENT;
    snprintf(connection->answer, sizeof(connection->answer), "user %u, born in 1975", user);
    return 0;
}

static unsigned next_user(void)
{
    return atomic_fetch_add_explicit(&users, 1, memory_order_relaxed);
}

/* What was not put back is lost; if the request could not be done, it goes back after all. */
static void account(struct connections *gone, bool done)
{
    struct connection *connection;

    while ((connection = SLIST_FIRST(gone))) {
        SLIST_REMOVE_HEAD(gone, next);
        if (!done) {
            put_back(connection);
            continue;
        }
        pthread_mutex_lock(&own.lock);
        SLIST_INSERT_HEAD(&lost, connection, next);
        own.held.bytes += (int64_t)sizeof(*connection);
        own.held.objects++;
        pthread_mutex_unlock(&own.lock);
    }
}

__attribute__((noinline)) static int connpool_fixed(struct scene_call *call)
{
    const int64_t cost = (int64_t)sizeof(struct connection);
    unsigned opened = 0;
    int err = 0;

    if (budget_take(call->n * cost, 0, 0) < 0)
        return -ENOSPC;
    for (unsigned i = 0; i < call->n; i++) {
        struct connection *connection = take_idle();

        if (!connection) {
            if (!(connection = malloc(sizeof(*connection)))) {
                err = -ENOMEM;
                break;
            }
            add_opened(connection);
            opened++;
        }
        if (ask(connection, next_user()) < 0)
            atomic_fetch_add(&failed, 1);
        put_back(connection); /* the one way out, whatever the answer */
    }
    budget_give((call->n - opened) * cost, 0, 0);
    return err;
}

__attribute__((noinline)) static int connpool_leak(struct scene_call *call)
{
    const int64_t cost = (int64_t)sizeof(struct connection);
    struct connections gone = SLIST_HEAD_INITIALIZER(gone);
    unsigned opened = 0;
    int err = 0;

    if (budget_take(call->n * cost, 0, 0) < 0)
        return -ENOSPC;
    for (unsigned i = 0; i < call->n; i++) {
        struct connection *connection = take_idle();

        if (!connection) {
            if (!(connection = malloc(sizeof(*connection)))) {
                err = -ENOMEM;
                break;
            }
            add_opened(connection);
            opened++;
        }
        if (ask(connection, next_user()) < 0) {
            atomic_fetch_add(&failed, 1);
            SLIST_INSERT_HEAD(&gone, connection, next); /* for the reset alone */
            continue; /* the fatal line: this way out does not put the connection back */
        }
        put_back(connection);
    }
    budget_give((call->n - opened) * cost, 0, 0);
    account(&gone, err == 0);
    return err;
}

static void connpool_reset(struct held *drained)
{
    pthread_mutex_lock(&own.lock);
    *drained = holding_drain(&own);
    while (!SLIST_EMPTY(&lost))
        close_first(&lost);
    while (!SLIST_EMPTY(&idle))
        close_first(&idle);
    nidle = 0;
    pthread_mutex_unlock(&own.lock);
}

LAB_TEXT(connpool);
const struct scene scene_connpool = {
    .id = "connpool",
    .lab = LAB(connpool),
    .title = "A pooled connection is not put back after an error",
    .lesson = "An early way out skips the line that puts the connection back; let every way out "
              "pass it.",
    .resource = "heap",
    .signature =
        "inuse_space grows at connpool_leak by one connection for each request that failed "
        "(every third turn); threads and descriptors stay flat.",
    .guilty_function = "connpool_leak",
    .n_max = 10000,
    .leak = connpool_leak,
    .fixed = connpool_fixed,
    .reset = connpool_reset,
    .holding = &own,
};
