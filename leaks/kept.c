/*
 * See kept.h. A loop's list is its own thread's; what other threads may know of it is a number.
 */
#include "kept.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

struct kept_batch {
    struct scene_call *call; /* whom to answer when the last one ends; NULL: nobody (yet) */
    unsigned left;           /* things, and one for the round itself */
};

struct kept_loop {
    struct kept_loop *next;
    struct event_base *base;
    struct keeper *keeper;
    LIST_HEAD(, kept) all; /* this loop's thread only */
    atomic_int staying;    /* of them */
    atomic_bool draining;  /* end_staying() is on its way */
};

static struct kept_loop *loop_of(struct keeper *keeper, struct event_base *base)
{
    struct kept_loop *loop;

    pthread_mutex_lock(&keeper->lock);
    for (loop = keeper->loops; loop && loop->base != base; loop = loop->next)
        ;
    if (!loop && (loop = calloc(1, sizeof(*loop)))) {
        loop->base = base;
        loop->keeper = keeper;
        loop->next = keeper->loops;
        keeper->loops = loop;
    }
    pthread_mutex_unlock(&keeper->lock);
    return loop;
}

static void batch_drop(struct kept_batch *batch)
{
    if (!batch || --batch->left > 0)
        return;
    if (batch->call)
        scene_finish(batch->call, 0);
    free(batch);
}

/* Takes or (give) gives back the budget of n things. */
static int pay(const struct keeper *keeper, unsigned n, bool give)
{
    if (!give)
        return budget_take(n * keeper->bytes, 0, n * keeper->each.fds);
    budget_give(n * keeper->bytes, 0, n * keeper->each.fds);
    return 0;
}

int round_start(struct round *round, struct keeper *keeper, struct scene_call *call, bool stays)
{
    *round = (struct round){.keeper = keeper, .call = call};
    if (pay(keeper, call->n, false) < 0)
        return -ENOSPC;
    round->loop = loop_of(keeper, call->base);
    if (round->loop && !stays && (round->batch = malloc(sizeof(*round->batch))))
        *round->batch = (struct kept_batch){.left = 1};
    if (round->loop && (stays || round->batch))
        return 0;
    pay(keeper, call->n, true);
    return -ENOMEM;
}

void round_add(struct round *round, struct kept *kept)
{
    kept->loop = round->loop;
    kept->batch = round->batch;
    LIST_INSERT_HEAD(&round->loop->all, kept, entry);
    round->made++;
    if (round->batch)
        round->batch->left++;
    else
        atomic_fetch_add(&round->loop->staying, 1);
}

int round_end(struct round *round, int err)
{
    const unsigned n = round->call->n;
    int result = err < 0 ? err : round->batch ? SCENE_LATER : 0;

    if (err < 0) {
        pay(round->keeper, n - round->made, true);
        while (round->made-- > 0) /* they are the newest */
            kept_end(LIST_FIRST(&round->loop->all));
    } else if (round->batch) {
        round->batch->call = round->call;
    }
    batch_drop(round->batch);
    return result;
}

void kept_end(struct kept *kept)
{
    struct kept_batch *batch = kept->batch;
    struct kept_loop *loop = kept->loop;

    LIST_REMOVE(kept, entry);
    loop->keeper->end(kept);
    if (!batch)
        atomic_fetch_sub(&loop->staying, 1);
    batch_drop(batch);
}

void kept_stay(struct kept *kept)
{
    struct kept_batch *batch = kept->batch;

    kept->batch = NULL;
    atomic_fetch_add(&kept->loop->staying, 1);
    batch_drop(batch);
}

static struct held held_by(const struct keeper *keeper, int n)
{
    struct held held = keeper->each;

#define X(field) held.field *= n;
    HELD_FIELDS(X)
#undef X
    return held;
}

static void end_staying(void *arg)
{
    struct kept_loop *loop = arg;
    struct kept *kept, *next;

    for (kept = LIST_FIRST(&loop->all); kept; kept = next) {
        next = LIST_NEXT(kept, entry);
        if (!kept->batch)
            kept_end(kept);
    }
    /* Last: what is on its way out is not counted again. Nobody leaks on this loop meanwhile. */
    atomic_store(&loop->draining, false);
}

struct held keeper_held(struct keeper *keeper)
{
    int staying = 0;

    pthread_mutex_lock(&keeper->lock);
    for (struct kept_loop *loop = keeper->loops; loop; loop = loop->next)
        staying += atomic_load(&loop->staying);
    pthread_mutex_unlock(&keeper->lock);
    return held_by(keeper, staying);
}

void keeper_reset(struct keeper *keeper, struct held *drained)
{
    int staying = 0;

    pthread_mutex_lock(&keeper->lock);
    for (struct kept_loop *loop = keeper->loops; loop; loop = loop->next) {
        if (atomic_load(&loop->staying) == 0 || atomic_exchange(&loop->draining, true))
            continue;
        staying += atomic_load(&loop->staying);
        if (scene_on_loop(loop->base, end_staying, loop) < 0)
            atomic_store(&loop->draining, false);
    }
    pthread_mutex_unlock(&keeper->lock);
    *drained = held_by(keeper, staying);
}

void keeper_stop(struct keeper *keeper)
{
    while (keeper->loops) {
        struct kept_loop *loop = keeper->loops;

        keeper->loops = loop->next;
        while (!LIST_EMPTY(&loop->all))
            kept_end(LIST_FIRST(&loop->all));
        free(loop);
    }
}
