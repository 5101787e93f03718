/*
 * Cycle: two counted objects hold each other.
 *
 * A player joins a game: there is a session, which outlives a connection that breaks, and a
 * connection. Both are counted, and whoever keeps a pointer takes a count: that is the rule of the
 * house, and it was followed here. The session holds its connection, the connection its session.
 * When the player goes, the two counts of the request are dropped, the two of the ring are not.
 *
 * What the profiles show: inuse_space grows at the two mallocs in cycle_leak, always in pairs: one
 * session, one connection, and nothing of either is ever freed. A leak checker calls them lost, but
 * both of them "indirectly": each is pointed to, by the other.
 */
#include "scene.h"
#include "hidden.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { INPUT_BYTES = 521 };

struct session {
    unsigned count;
    struct connection *connection; /* counted: the session uses it until another one comes */
    size_t size;
    char world[]; /* what the player sees */
};

struct connection {
    unsigned count;
    struct session *session; /* counted, or weak: what this scene is about */
    bool weak;
    char input[INPUT_BYTES];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct hidden lost; /* sessions; protected by lock */
static struct held held;   /* protected by lock */
static atomic_uint moves;  /* somebody has to play */

static void connection_put(struct connection *connection);

static void session_put(struct session *session)
{
    if (--session->count > 0)
        return;
    if (session->connection)
        connection_put(session->connection);
    free(session);
}

static void connection_put(struct connection *connection)
{
    if (--connection->count > 0)
        return;
    if (connection->session && !connection->weak)
        session_put(connection->session);
    free(connection);
}

static void play(const struct connection *connection)
{
    struct session *session = connection->session;

    memset(session->world, connection->input[0], session->size);
    atomic_fetch_add_explicit(&moves, (unsigned char)session->world[session->size - 1],
                              memory_order_relaxed);
}

__attribute__((noinline)) static int cycle_fixed(size_t size)
{
    struct session *session = malloc(sizeof(*session) + size);
    struct connection *connection = malloc(sizeof(*connection));

    if (!session || !connection) {
        free(session);
        free(connection);
        return -ENOMEM;
    }
    *session = (struct session){.count = 1, .size = size};
    *connection = (struct connection){.count = 1, .input = "n"};
    session->connection = connection;
    connection->count++;
    connection->session = session; /* it is the session that owns: the way back is not counted */
    connection->weak = true;

    play(connection);
    connection_put(connection);
    session_put(session); /* the last one, and with it goes the connection */
    return 0;
}

/* Under the lock. */
__attribute__((noinline)) static int cycle_leak(size_t size)
{
    struct session *session = malloc(sizeof(*session) + size);
    struct connection *connection = malloc(sizeof(*connection));

    if (!session || !connection) {
        free(session);
        free(connection);
        return -ENOMEM;
    }
    *session = (struct session){.count = 1, .size = size};
    *connection = (struct connection){.count = 1, .input = "n"};
    session->connection = connection;
    connection->count++;
    connection->session = session;
    session->count++; /* the fatal line: now each waits for the other to let go */

    play(connection);
    hidden_put(&lost, session); /* for cycle_reset() alone */
    connection_put(connection);
    session_put(session);
    return 0;
}

static int join(const struct scene_call *call, int (*visit)(size_t size))
{
    int err = 0;

    for (unsigned i = 0; i < call->n && err == 0; i++)
        err = visit(call->size);
    return err;
}

static int64_t cost_of(const struct scene_call *call)
{
    return (int64_t)(sizeof(struct session) + call->size + sizeof(struct connection));
}

static int on_fixed(struct scene_call *call)
{
    int err;

    if (budget_take(cost_of(call), 0, 0) < 0)
        return -ENOSPC;
    err = join(call, cycle_fixed);
    budget_give(cost_of(call), 0, 0);
    return err;
}

/* Under the lock. Gives back what was lost since there were `mark` rings, by opening them. */
static void give_back(size_t mark)
{
    while (lost.n > mark) {
        struct session *session = hidden_take(&lost);

        session->connection->weak = true;
        session_put(session);
    }
}

static int on_leak(struct scene_call *call)
{
    const int64_t cost = call->n * cost_of(call);
    int err = -ENOSPC;
    size_t mark;

    pthread_mutex_lock(&lock); /* to the end, so that a call that fails can undo what is its own */
    mark = lost.n;
    if (hidden_has_room(&lost, call->n) && budget_take(cost, 0, 0) == 0) {
        err = join(call, cycle_leak);
        if (err < 0) {
            give_back(mark);
            budget_give(cost, 0, 0);
        } else {
            held.bytes += cost;
            held.objects += 2 * (int64_t)call->n;
        }
    }
    pthread_mutex_unlock(&lock);
    return err;
}

static void cycle_reset(struct held *drained)
{
    pthread_mutex_lock(&lock);
    give_back(0);
    *drained = held;
    held = (struct held){0};
    pthread_mutex_unlock(&lock);
    budget_give(drained->bytes, 0, 0);
}

static struct held cycle_held(void)
{
    struct held now;

    pthread_mutex_lock(&lock);
    now = held;
    pthread_mutex_unlock(&lock);
    return now;
}

static void cycle_stop(void)
{
    struct held drained;

    cycle_reset(&drained);
}

LAB_TEXT(cycle);
const struct scene scene_cycle = {
    .id = "cycle",
    .lab = LAB(cycle),
    .title = "Two counted objects hold each other",
    .lesson = "A ring of counts never falls to zero; one of its edges has to be weak.",
    .resource = "heap",
    .signature =
        "inuse_objects grows by two a hit at cycle_leak, always a session and a connection, and "
        "nothing of either is ever freed.",
    .guilty_function = "cycle_leak",
    .n_max = 1000,
    .size_default = 1667,
    .size_min = 16,
    .size_max = 16 << 10,
    .stop = cycle_stop,
    .leak = on_leak,
    .fixed = on_fixed,
    .reset = cycle_reset,
    .held = cycle_held,
};
