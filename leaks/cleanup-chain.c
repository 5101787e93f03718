/*
 * Clean-up chain: clean-up queued in a loop, and run only at the end.
 *
 * A service imports a feed, row by row. What a row needs is registered for clean-up as soon as it
 * is made, so that no path can forget it: a good habit. But the chain that it is registered with is
 * the feed's, whose clean-up runs when the feed ends; and the feed is a stream that does not end.
 * APR's and nginx's pools, talloc's contexts and Go's defer in a loop have the same trap: the scope
 * that cleans up is larger than the turn that needs it.
 *
 * What the profiles show: inuse_space grows by one row a turn at cleanup_chain_leak, and one small
 * block more at cleanup_add with each of them: as many clean-ups wait as there are rows. That
 * second place is what tells this leak from others. At the exit all of them run, and all is freed.
 */
#include "holding.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ROW_BYTES = 1531 };

struct cleanup {
    struct cleanup *next;
    void (*run)(void *arg);
    void *arg;
};

static struct holding own = HOLDING;
static struct cleanup *feed; /* cleanup_chain_leak's, until the feed ends; protected by own.lock */
static unsigned imported;    /* protected by own.lock */

/* 0: run(arg) is the last that was added, so it runs first; or -ENOMEM. */
__attribute__((noinline)) static int cleanup_add(struct cleanup **chain, void (*run)(void *),
                                                 void *arg)
{
    struct cleanup *cleanup = malloc(sizeof(*cleanup));

    if (!cleanup)
        return -ENOMEM;
    *cleanup = (struct cleanup){*chain, run, arg};
    *chain = cleanup;
    return 0;
}

/* Runs the newest n. */
static void cleanup_run(struct cleanup **chain, int64_t n)
{
    for (; n > 0; n--) {
        struct cleanup *cleanup = *chain;

        *chain = cleanup->next;
        cleanup->run(cleanup->arg);
        free(cleanup);
    }
}

static void import(char *row)
{
    memset(row, ';', ROW_BYTES);
    imported += (unsigned char)row[ROW_BYTES / 2];
}

static int64_t cost_of(unsigned rows)
{
    return rows * (int64_t)(ROW_BYTES + sizeof(struct cleanup));
}

__attribute__((noinline)) static int cleanup_chain_fixed(struct scene_call *call)
{
    const int64_t cost = cost_of(1);
    int err = 0;

    if (work_begin(&own, cost) < 0)
        return -ENOSPC;
    for (unsigned i = 0; i < call->n; i++) {
        struct cleanup *turn = NULL; /* a chain of its own for each turn */
        char *row = malloc(ROW_BYTES);

        if (!row || cleanup_add(&turn, free, row) < 0) {
            free(row);
            err = -ENOMEM;
            break;
        }
        import(row);
        cleanup_run(&turn, 1); /* its last act */
    }
    return work_end(&own, cost, (struct held){0}, err);
}

__attribute__((noinline)) static int cleanup_chain_leak(struct scene_call *call)
{
    const int64_t cost = cost_of(call->n);
    int err = 0;

    if (work_begin(&own, cost) < 0)
        return -ENOSPC;
    for (unsigned i = 0; i < call->n; i++) {
        char *row = malloc(ROW_BYTES);

        /* the fatal line: it will be freed, for sure, when the feed ends */
        if (!row || cleanup_add(&feed, free, row) < 0) {
            free(row);
            cleanup_run(&feed, i);
            err = -ENOMEM;
            break;
        }
        import(row);
    }
    return work_end(&own, cost, (struct held){.bytes = cost, .objects = 2 * (int64_t)call->n}, err);
}

/* The feed ends. */
static void cleanup_chain_reset(struct held *drained)
{
    struct cleanup *ended;

    pthread_mutex_lock(&own.lock);
    ended = feed;
    feed = NULL;
    *drained = holding_drain(&own);
    pthread_mutex_unlock(&own.lock);

    cleanup_run(&ended, drained->objects / 2);
    budget_give(drained->bytes, 0, 0);
}

LAB_TEXT(cleanup_chain);
const struct scene scene_cleanup_chain = {
    .id = "cleanup-chain",
    .lab = LAB(cleanup_chain),
    .title = "Clean-up queued in a loop, run only at the end",
    .lesson = "Clean-up that runs at the end of a scope does not help a loop that never leaves it; "
              "give each turn a scope of its own.",
    .resource = "heap",
    .signature =
        "inuse_space grows by one row a turn at cleanup_chain_leak, and inuse_objects by two: each "
        "row has a small block of cleanup_add beside it.",
    .guilty_function = "cleanup_chain_leak",
    .n_max = 2000,
    .leak = cleanup_chain_leak,
    .fixed = cleanup_chain_fixed,
    .reset = cleanup_chain_reset,
    .holding = &own,
};
