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
#include "lost.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
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

static atomic_uint moves; /* somebody has to play */

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

/* Gives a ring back, by opening it. */
static void open_ring(void *block, int kind)
{
    struct session *session = block;

    (void)kind;
    session->connection->weak = true;
    session_put(session);
}

static struct lost lost = LOST(open_ring);

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
    lose(session, 0); /* for the reset alone */
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
    const int64_t cost = cost_of(call);
    int err = budget_take(cost, 0, 0);

    if (err == 0) {
        err = join(call, cycle_fixed);
        budget_give(cost, 0, 0);
    }
    return err;
}

static int on_leak(struct scene_call *call)
{
    const struct held cost = {.bytes = call->n * cost_of(call), .objects = 2 * (int64_t)call->n};
    int err = lost_begin(&lost, cost, call->n);

    if (err == 0)
        err = join(call, cycle_leak);
    return lost_end(err);
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
    .leak = on_leak,
    .fixed = on_fixed,
    .lost = &lost,
};
