/*
 * Deadlock: two locks, taken in both orders.
 *
 * A transfer locks the account that it takes from, and then the one it gives to. That is right for
 * every transfer by itself. A payment and its refund at the same time lock the same two accounts in
 * opposite orders: each holds what the other waits for, and both wait for ever. Every later
 * transfer queues up behind them, with the thread that serves it.
 *
 * In production it takes luck and load until two such transfers meet. Here every request makes a
 * payment and its refund, and meet() lets each take its first lock before either asks for the
 * second.
 *
 * What the profiles show: the threads profile grows by two a request, all waiting for a lock in
 * transfer_in_given_order. Two of them stand at the line of the second lock, one for each
 * direction: those are the knot, and all the others, at the line of the first, are only the queue.
 */
#include "batch.h"
#include "holding.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { LOOK_UP_MS = 300 /* how long a leaky transfer waits before it looks for a reset */ };

struct account {
    pthread_mutex_t lock;
    int64_t cents; /* protected by this lock */
};

struct request {
    struct scene_call *call; /* answered when the last transfer ends; NULL: it has its answer */
    bool leaky;
    unsigned round;     /* of resets, when it began */
    atomic_bool undone; /* not all of it could be started */
    unsigned transfers; /* that have not ended; protected by own.lock */
    size_t size;
    unsigned arrived[]; /* of each payment and its refund; protected by own.lock */
};

struct transfer {
    void (*run)(struct transfer *transfer);
    struct request *request;
    struct account *from, *to;
    unsigned *pair; /* those that have arrived of it and its counterpart */
    bool arrived;
    char reference[271];
};

static struct holding own = HOLDING;
static pthread_cond_t arrival = PTHREAD_COND_INITIALIZER;
static struct held
    told; /* those among them that a reset has told to give up; protected by own.lock */
static atomic_uint round_now; /* leaky requests of another one give up; written under lock */

/* [0] pays, [1] is paid. What is stuck in one set of accounts does not touch the other. */
static struct account leaky_accounts[2] = {{PTHREAD_MUTEX_INITIALIZER, 100000000},
                                           {PTHREAD_MUTEX_INITIALIZER, 0}};
static struct account fixed_accounts[2] = {{PTHREAD_MUTEX_INITIALIZER, 100000000},
                                           {PTHREAD_MUTEX_INITIALIZER, 0}};

/* It has its first lock, or has to wait for it. */
static void arrive(struct transfer *transfer)
{
    if (transfer->arrived)
        return;
    transfer->arrived = true;
    pthread_mutex_lock(&own.lock);
    ++*transfer->pair;
    pthread_cond_broadcast(&arrival);
    pthread_mutex_unlock(&own.lock);
}

static bool gives_up(const struct transfer *transfer)
{
    const struct request *request = transfer->request;

    return atomic_load(&request->undone) ||
           (request->leaky && atomic_load(&round_now) != request->round);
}

/* Both transfers of a pair are on their way now. */
static void meet(struct transfer *transfer)
{
    arrive(transfer);
    pthread_mutex_lock(&own.lock);
    while (*transfer->pair < 2 && !gives_up(transfer))
        pthread_cond_wait(&arrival, &own.lock);
    pthread_mutex_unlock(&own.lock);
}

/* By the clock that pthread_mutex_timedlock() goes by; ThreadSanitizer does not know the one that
 * can go by another. */
static struct timespec next_look(void)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += LOOK_UP_MS * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_nsec -= 1000000000L;
        until.tv_sec++;
    }
    return until;
}

/* pthread_mutex_lock(&account->lock), but for a reset, which can untie it: then it is false. A
 * macro, so that stacks end in the function that locks. */
#define LOCK(account, transfer)                                                                    \
    ({                                                                                             \
        int err_ = pthread_mutex_trylock(&(account)->lock);                                        \
        if (err_)                                                                                  \
            arrive(transfer);                                                                      \
        while (err_ && !gives_up(transfer)) {                                                      \
            struct timespec until_ = next_look();                                                  \
            err_ = pthread_mutex_timedlock(&(account)->lock, &until_);                             \
        }                                                                                          \
        err_ == 0;                                                                                 \
    })

__attribute__((noinline)) static void transfer_in_one_order(struct transfer *transfer)
{
    bool up = transfer->from < transfer->to; /* whoever pays: the lower address comes first */
    struct account *first = up ? transfer->from : transfer->to;
    struct account *second = up ? transfer->to : transfer->from;

    if (!LOCK(first, transfer))
        return;
    meet(transfer);
    if (LOCK(second, transfer)) {
        transfer->from->cents -= 1337;
        transfer->to->cents += 1337;
        pthread_mutex_unlock(&second->lock);
    }
    pthread_mutex_unlock(&first->lock);
}

__attribute__((noinline)) static void transfer_in_given_order(struct transfer *transfer)
{
    struct account *first = transfer->from; /* the fatal line: the refund's first is our second */
    struct account *second = transfer->to;

    if (!LOCK(first, transfer))
        return;
    meet(transfer);
    if (LOCK(second, transfer)) {
        transfer->from->cents -= 1337;
        transfer->to->cents += 1337;
        pthread_mutex_unlock(&second->lock);
    }
    pthread_mutex_unlock(&first->lock);
}

/* Under the lock. So many transfers come or (negative) go; and their request, if it has a size. */
static void count(struct held *sum, int64_t transfers, int64_t size)
{
    sum->bytes += transfers * (int64_t)sizeof(struct transfer) + size;
    sum->objects += transfers + (size > 0) - (size < 0);
    sum->threads += transfers;
}

static void *serve_transfer(void *arg)
{
    struct transfer *transfer = arg;
    struct request *request = transfer->request;
    struct scene_call *call = NULL;
    int64_t gone;

    pthread_setname_np(pthread_self(), "transfer");
    transfer->run(transfer);
    arrive(transfer);
    budget_give(THREAD_COST, 1, 0);
    free(transfer);

    pthread_mutex_lock(&own.lock);
    gone = --request->transfers == 0 ? -(int64_t)request->size : 0;
    if (request->leaky)
        count(&own.held, -1, gone);
    if (request->leaky && atomic_load(&round_now) != request->round)
        count(&told, -1, gone);
    if (gone) {
        call = request->call;
        free(request);
    }
    pthread_mutex_unlock(&own.lock);
    if (call)
        scene_finish(call, 0);
    return NULL;
}

static int start_transfer(const struct transfer *order)
{
    struct transfer *transfer = malloc(sizeof(*transfer));
    pthread_attr_t attr;
    pthread_t thread;
    int err;

    if (!transfer)
        return -ENOMEM;
    *transfer = *order;
    snprintf(transfer->reference, sizeof(transfer->reference), "13.37 to %p", (void *)order->to);
    small_thread(&attr, PTHREAD_CREATE_DETACHED);
    err = -pthread_create(&thread, &attr, serve_transfer, transfer);
    pthread_attr_destroy(&attr);
    if (err < 0)
        free(transfer);
    return err;
}

/* Payments and their refunds, a thread each. None ends before all are started: they need the lock.
 */
static int start_pairs(struct scene_call *call, void (*run)(struct transfer *),
                       struct account accounts[2], bool leaky)
{
    const unsigned n = 2 * call->n;
    const size_t size = sizeof(struct request) + call->n * sizeof(unsigned);
    struct request *request;
    int err = 0;

    if (budget_take((int64_t)n * THREAD_COST, n, 0) < 0)
        return -ENOSPC;
    request = calloc(1, size);
    if (!request) {
        budget_give((int64_t)n * THREAD_COST, n, 0);
        return -ENOMEM;
    }
    pthread_mutex_lock(&own.lock);
    request->leaky = leaky;
    request->size = size;
    request->round = atomic_load(&round_now);
    for (unsigned i = 0; i < n && err == 0; i++) {
        err = start_transfer(&(struct transfer){.run = run,
                                                .request = request,
                                                .from = &accounts[i % 2],
                                                .to = &accounts[(i + 1) % 2],
                                                .pair = &request->arrived[i / 2]});
        if (err == 0)
            request->transfers++;
    }
    if (err == 0 && !leaky)
        request->call = call;
    if (err < 0) {
        atomic_store(&request->undone, true);
        pthread_cond_broadcast(&arrival);
    }
    budget_give((int64_t)(n - request->transfers) * THREAD_COST, n - request->transfers, 0);
    if (leaky && request->transfers > 0)
        count(&own.held, request->transfers, (int64_t)size);
    if (request->transfers == 0)
        free(request);
    pthread_mutex_unlock(&own.lock);
    return err;
}

__attribute__((noinline)) static int deadlock_fixed(struct scene_call *call)
{
    int err = start_pairs(call, transfer_in_one_order, fixed_accounts, false);

    return err < 0 ? err : SCENE_LATER;
}

__attribute__((noinline)) static int deadlock_leak(struct scene_call *call)
{
    return start_pairs(call, transfer_in_given_order, leaky_accounts, true);
}

/* Those that wait look up soon, let go of what they have locked, and end. */
static void deadlock_reset(struct held *drained)
{
    pthread_mutex_lock(&own.lock);
    *drained = (struct held){.bytes = own.held.bytes - told.bytes,
                             .objects = own.held.objects - told.objects,
                             .threads = own.held.threads - told.threads};
    told = own.held;
    atomic_fetch_add(&round_now, 1);
    pthread_cond_broadcast(&arrival);
    pthread_mutex_unlock(&own.lock);
}

LAB_TEXT(deadlock);
const struct scene scene_deadlock = {
    .id = "deadlock",
    .lab = LAB(deadlock),
    .title = "Two locks, taken in both orders",
    .lesson = "Whoever needs two locks has to take them in one order that all agree on; otherwise "
              "two threads wait for each other, and all others behind them.",
    .resource = "threads",
    .signature =
        "The threads profile grows by two a request, all of them waiting for a lock in "
        "transfer_in_given_order: two at its second lock, the rest in a queue at its first.",
    .guilty_function = "transfer_in_given_order",
    .n_max = 500,
    .leak = deadlock_leak,
    .fixed = deadlock_fixed,
    .reset = deadlock_reset,
    .holding = &own,
};
