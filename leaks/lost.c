/*
 * See lost.h. Pointers stand here as they are for no longer than it takes to give them back.
 */
#include "lost.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct batch {
    struct lost *lost;
    struct held cost;
    size_t n, room;
    struct lost_block blocks[];
};

static __thread struct batch *batch; /* of the call that this thread works on */

/* Under the lock. Ask before anything is lost: what cannot be remembered must not be. */
static bool has_room(const struct lost *lost, size_t n)
{
    return n <= (lost->most ? lost->most : LOST_MAX) - lost->n - lost->coming;
}

static void count(struct held *sum, const struct held *more)
{
#define X(field) sum->field += more->field;
    HELD_FIELDS(X)
#undef X
}

/* Takes the budget of n blocks, or (give) gives it back. 0 or -ENOSPC. */
static int pay(const struct lost *lost, const struct held *cost, size_t n, bool give)
{
    const int64_t bytes = cost->bytes + (int64_t)n * lost->beside;
    const int64_t threads = cost->threads + cost->unjoined;

    if (!give)
        return budget_take(bytes, threads, cost->fds);
    budget_give(bytes, threads, cost->fds);
    return 0;
}

static void give_back_all(const struct lost *lost, const struct lost_block *blocks, size_t n)
{
    while (n-- > 0)
        lost->give_back((void *)~blocks[n].inverted, blocks[n].kind);
}

static int take_room(struct lost *lost, size_t n)
{
    int err = -ENOSPC;

    pthread_mutex_lock(&lost->holding.lock);
    if (has_room(lost, n)) {
        lost->coming += n;
        err = 0;
    }
    pthread_mutex_unlock(&lost->holding.lock);
    return err;
}

/* The batch and its cost become part of what is lost; or (NULL) the room is not needed any more. */
static void leave_room(struct lost *lost, size_t room, const struct batch *done)
{
    pthread_mutex_lock(&lost->holding.lock);
    lost->coming -= room;
    if (done) {
        memcpy(lost->blocks + lost->n, done->blocks, done->n * sizeof(done->blocks[0]));
        lost->n += done->n;
        count(&lost->holding.held, &done->cost);
    }
    pthread_mutex_unlock(&lost->holding.lock);
}

int lost_begin(struct lost *lost, struct held cost, size_t n)
{
    int err = take_room(lost, n);

    if (err < 0)
        return err;
    err = pay(lost, &cost, n, false);
    if (err < 0) {
        leave_room(lost, n, NULL);
        return err;
    }
    batch = malloc(sizeof(*batch) + n * sizeof(batch->blocks[0]));
    if (!batch) {
        leave_room(lost, n, NULL);
        pay(lost, &cost, n, true);
        return -ENOMEM;
    }
    *batch = (struct batch){.lost = lost, .cost = cost, .room = n};
    return 0;
}

void lost_put(uintptr_t inverted, int kind)
{
    if (batch->n == batch->room)
        abort(); /* more than the scene has said: there is no room to remember it */
    batch->blocks[batch->n++] = (struct lost_block){inverted, kind};
}

void unlose(void)
{
    batch->n--;
}

int lost_end(int err)
{
    struct batch *done = batch;

    if (!done)
        return err;
    batch = NULL;
    leave_room(done->lost, done->room, err < 0 ? NULL : done);
    if (err < 0) {
        give_back_all(done->lost, done->blocks, done->n);
        pay(done->lost, &done->cost, done->room, true);
    }
    free(done);
    return err;
}

int lost_one(struct lost *lost, struct held cost, const void *block)
{
    int err = -ENOSPC;

    pthread_mutex_lock(&lost->holding.lock);
    if (has_room(lost, 1)) {
        lost->blocks[lost->n++] = (struct lost_block){.inverted = ~(uintptr_t)block};
        count(&lost->holding.held, &cost);
        err = 0;
    }
    pthread_mutex_unlock(&lost->holding.lock);
    return err;
}

void lost_reset(struct lost *lost, struct held *drained)
{
    size_t n;

    pthread_mutex_lock(&lost->holding.lock);
    n = lost->n;
    give_back_all(lost, lost->blocks, n);
    lost->n = 0;
    *drained = holding_drain(&lost->holding);
    pthread_mutex_unlock(&lost->holding.lock);
    pay(lost, drained, n, true);
}

void lost_free(void *block, int kind)
{
    (void)kind;
    free(block);
}

void lost_close(void *fd, int kind)
{
    (void)kind;
    close((int)(intptr_t)fd);
}
