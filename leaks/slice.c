/*
 * Slice: a small piece keeps a large buffer alive.
 *
 * A service reads a request body, finds the 16-byte session token in it, and remembers the token.
 * It remembers it where it stands, inside the body, so the body can never be freed: 64 KiB are kept
 * for 16 bytes. libevent offers the same trap as a feature: an evbuffer that refers to a piece of a
 * buffer keeps the buffer until the piece goes.
 *
 * What the profiles show: inuse_space grows by one whole body a request, at the malloc in
 * slice_leak; the block size gives it away (nobody needs 64 KiB for a token). A leak checker that
 * looks for lost pointers stays silent: every block can be reached.
 */
#include "holding.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

enum {
    TOKEN_BYTES = 16,
    TOKEN_AT = 337,
    RECENT = 1024,
    PIECE_COST = 1160 /* what libevent 2.1 allocates for one: an evbuffer and a chain of 1 KiB */
};

struct session {
    struct session *next;
    const char *token;      /* stands inside the body */
    struct evbuffer *piece; /* or refers into it; NULL: it does not */
    char *body;             /* for slice_reset() alone: the service forgot it */
    size_t size;
};

static struct holding own = HOLDING;
static struct session *sessions;         /* slice_leak's; protected by own.lock */
static char recent[RECENT][TOKEN_BYTES]; /* slice_fixed's; protected by own.lock */
static atomic_uint hits;                 /* every second one goes libevent's way */

static int64_t cost_of(size_t size, bool piece)
{
    return (int64_t)(size + sizeof(struct session)) + (piece ? PIECE_COST : 0);
}

static void receive(char *body, size_t size)
{
    memset(body, '.', size);
    memcpy(body + TOKEN_AT, "token-0123456789", TOKEN_BYTES);
}

static void free_body(const void *data, size_t size, void *body)
{
    (void)data, (void)size;
    free(body);
}

static void end_all(struct session *list)
{
    while (list) {
        struct session *session = list;

        list = session->next;
        if (session->piece)
            evbuffer_free(session->piece); /* libevent calls free_body() */
        else
            free(session->body);
        free(session);
    }
}

static void keep_all(struct session *list)
{
    pthread_mutex_lock(&own.lock);
    while (list) {
        struct session *session = list;

        list = session->next;
        session->next = sessions;
        sessions = session;
        own.held.bytes += cost_of(session->size, session->piece);
        own.held.objects += session->piece ? 4 : 2; /* an evbuffer is two blocks */
    }
    pthread_mutex_unlock(&own.lock);
}

static void remember(unsigned hit, const char *body, struct evbuffer *piece)
{
    pthread_mutex_lock(&own.lock);
    if (!piece || evbuffer_remove(piece, recent[hit % RECENT], TOKEN_BYTES) != TOKEN_BYTES)
        memcpy(recent[hit % RECENT], body + TOKEN_AT, TOKEN_BYTES);
    pthread_mutex_unlock(&own.lock);
}

__attribute__((noinline)) static int slice_fixed(struct scene_call *call)
{
    int err = 0;

    if (budget_take((int64_t)call->size, 0, 0) < 0)
        return -ENOSPC;
    for (unsigned i = 0; i < call->n && err == 0; i++) {
        unsigned hit = atomic_fetch_add_explicit(&hits, 1, memory_order_relaxed);
        struct evbuffer *piece = hit % 2 ? evbuffer_new() : NULL;
        char *body = malloc(call->size);

        if (!body || (hit % 2 && !piece)) {
            err = -ENOMEM;
        } else {
            receive(body, call->size);
            if (piece)
                err = evbuffer_add(piece, body + TOKEN_AT, TOKEN_BYTES) < 0 ? -ENOMEM : 0;
            remember(hit, body, piece);
        }
        if (piece)
            evbuffer_free(piece);
        free(body); /* the token was copied out: nothing needs the body any more */
    }
    budget_give((int64_t)call->size, 0, 0);
    return err;
}

__attribute__((noinline)) static int slice_leak(struct scene_call *call)
{
    const int64_t cost = call->n * cost_of(call->size, true);
    struct session *made = NULL;
    unsigned plain = 0;
    int err = 0;

    if (budget_take(cost, 0, 0) < 0)
        return -ENOSPC;
    for (unsigned i = 0; i < call->n && err == 0; i++) {
        unsigned hit = atomic_fetch_add_explicit(&hits, 1, memory_order_relaxed);
        struct evbuffer *piece = hit % 2 ? evbuffer_new() : NULL;
        char *body = malloc(call->size);
        struct session *session = malloc(sizeof(*session));

        if (!body || !session || (hit % 2 && !piece)) {
            err = -ENOMEM;
        } else {
            receive(body, call->size);
            if (piece) /* libevent copies nothing: the piece holds the body until it goes */
                err = evbuffer_add_reference(piece, body + TOKEN_AT, TOKEN_BYTES, free_body, body);
            *session = (struct session){made, body + TOKEN_AT, piece, body, call->size};
        }
        if (err == 0) {
            plain += !piece;
            made = session; /* the fatal line: 16 bytes are wanted, and all of the body stays */
            continue;
        }
        err = -ENOMEM;
        if (piece)
            evbuffer_free(piece);
        free(body);
        free(session);
    }
    if (err < 0) {
        end_all(made);
        budget_give(cost, 0, 0);
        return err;
    }
    budget_give(plain * (int64_t)PIECE_COST, 0, 0);
    keep_all(made);
    return 0;
}

static void slice_reset(struct held *drained)
{
    struct session *all;

    pthread_mutex_lock(&own.lock);
    all = sessions;
    sessions = NULL;
    *drained = holding_drain(&own);
    pthread_mutex_unlock(&own.lock);

    end_all(all);
    budget_give(drained->bytes, 0, 0);
}

LAB_TEXT(slice);
const struct scene scene_slice = {
    .id = "slice",
    .lab = LAB(slice),
    .title = "A small slice keeps a large buffer",
    .lesson =
        "A 16-byte piece that points into a 64 KiB buffer keeps all of it; copy the piece out.",
    .resource = "heap",
    .signature =
        "inuse_space grows by a whole body a request at slice_leak, blocks far larger than "
        "what is kept; threads and descriptors stay flat.",
    .guilty_function = "slice_leak",
    .n_max = 10000,
    .size_default = 64 << 10,
    .size_min = 1024,
    .size_max = 16 << 20,
    .leak = slice_leak,
    .fixed = slice_fixed,
    .reset = slice_reset,
    .holding = &own,
};
