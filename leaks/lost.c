/*
 * See lost.h. Pointers stand here as they are for no longer than it takes to give them back.
 */
#include "lost.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

/* Of the call that this thread works on; lost is NULL between calls. */
static __thread struct batch {
    struct lost *lost;
    struct held cost;
    size_t n; /* places that it has taken */
    struct lost_blocks empty, blocks;
} batch;

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

static void move_first(struct lost_blocks *from, struct lost_blocks *to)
{
    struct lost_block *block = SLIST_FIRST(from);

    SLIST_REMOVE_HEAD(from, next);
    SLIST_INSERT_HEAD(to, block, next);
}

/* Ask before anything is lost: what cannot be remembered must not be. */
static int take_places(struct lost *lost, size_t n, struct lost_blocks *to)
{
    int err = -ENOSPC;

    pthread_mutex_lock(&lost->holding.lock);
    if (n <= (lost->most ? lost->most : LOST_MAX) - lost->taken) {
        lost->taken += n;
        for (; n > 0; n--) {
            struct lost_block *unused = &lost->places[lost->used];

            if (SLIST_EMPTY(&lost->free)) {
                SLIST_INSERT_HEAD(&lost->free, unused, next);
                lost->used++;
            }
            move_first(&lost->free, to);
        }
        err = 0;
    }
    pthread_mutex_unlock(&lost->holding.lock);
    return err;
}

/* Under the lock. How many they were. */
static size_t free_places(struct lost *lost, struct lost_blocks *places)
{
    size_t n = 0;

    for (; !SLIST_EMPTY(places); n++)
        move_first(places, &lost->free);
    lost->taken -= n;
    return n;
}

static void give_back_all(const struct lost *lost, const struct lost_blocks *blocks)
{
    const struct lost_block *block;

    SLIST_FOREACH(block, blocks, next)
    {
        lost->give_back((void *)~block->inverted, block->kind);
    }
}

int lost_begin(struct lost *lost, struct held cost, size_t n)
{
    int err = pay(lost, &cost, n, false);

    if (err < 0)
        return err;
    err = take_places(lost, n, &batch.empty);
    if (err < 0) {
        pay(lost, &cost, n, true);
        return err;
    }
    batch.lost = lost;
    batch.cost = cost;
    batch.n = n;
    return 0;
}

void lost_put(uintptr_t inverted, int kind)
{
    struct lost_block *block = SLIST_FIRST(&batch.empty); /* as many as the scene has asked for */

    block->inverted = inverted;
    block->kind = kind;
    move_first(&batch.empty, &batch.blocks);
}

void unlose(void)
{
    move_first(&batch.blocks, &batch.empty);
}

int lost_end(int err)
{
    struct lost *lost = batch.lost;

    if (!lost)
        return err;
    batch.lost = NULL;
    if (err < 0)
        give_back_all(lost, &batch.blocks);
    pthread_mutex_lock(&lost->holding.lock);
    free_places(lost, &batch.empty);
    if (err < 0)
        free_places(lost, &batch.blocks);
    else
        count(&lost->holding.held, &batch.cost);
    while (!SLIST_EMPTY(&batch.blocks))
        move_first(&batch.blocks, &lost->blocks);
    pthread_mutex_unlock(&lost->holding.lock);
    if (err < 0)
        pay(lost, &batch.cost, batch.n, true);
    return err;
}

int lost_one(struct lost *lost, struct held cost, const void *block)
{
    struct lost_blocks place = SLIST_HEAD_INITIALIZER(place);
    int err = take_places(lost, 1, &place);

    if (err < 0)
        return err;
    *SLIST_FIRST(&place) = (struct lost_block){.inverted = ~(uintptr_t)block};
    pthread_mutex_lock(&lost->holding.lock);
    move_first(&place, &lost->blocks);
    count(&lost->holding.held, &cost);
    pthread_mutex_unlock(&lost->holding.lock);
    return err;
}

void lost_reset(struct lost *lost, struct held *drained)
{
    struct lost_blocks gone;
    size_t n;

    pthread_mutex_lock(&lost->holding.lock);
    gone = lost->blocks;
    SLIST_INIT(&lost->blocks);
    *drained = holding_drain(&lost->holding);
    pthread_mutex_unlock(&lost->holding.lock);

    give_back_all(lost, &gone);
    pthread_mutex_lock(&lost->holding.lock);
    n = free_places(lost, &gone);
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
