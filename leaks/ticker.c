/*
 * Ticker: a thread for each subscriber, and nobody stops it.
 *
 * Who subscribes to a feed gets a heartbeat, so that proxies between do not close the connection: a
 * thread of his own that wakes up once a second. When he goes, his subscription is taken out and
 * freed. The ticker is not told. It ticks for nobody, for as long as the process lives.
 *
 * What the profiles show: the threads profile grows by one a request, all in tick_every_second, and
 * threadcreate by one "detached" that subscribe() made. Each is idle nearly all the time, so it is
 * not the CPU that gives them away; a thread that waits with a deadline looks busy and healthy.
 */
#include "holding.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <time.h>

#include "batch.h"

struct ticker {
    LIST_ENTRY(ticker) entry; /* protected by own.lock, and so are the others */
    struct batch *batch;
    pthread_cond_t stop;
    bool stopped, leaky;
    unsigned ticks;
    char beat[173]; /* what would be sent */
};

struct subscriber {
    struct subscriber *next;
    struct ticker *ticker; /* frees itself, when it is stopped */
    char feed[83];
};

static struct holding own = HOLDING;
static LIST_HEAD(, ticker) tickers; /* leaky ones that nobody has stopped; protected by own.lock */

/* Under the lock. */
__attribute__((noinline)) static void tick_every_second(struct ticker *ticker)
{
    struct timespec next;

    clock_gettime(CLOCK_MONOTONIC, &next);
    while (!ticker->stopped) {
        next.tv_sec++;
        while (!ticker->stopped && pthread_cond_clockwait(&ticker->stop, &own.lock, CLOCK_MONOTONIC,
                                                          &next) != ETIMEDOUT)
            ;
        snprintf(ticker->beat, sizeof(ticker->beat), ": beat %u", ticker->ticks++);
    }
}

/* Under the lock. So many leaky tickers come or (negative) go. */
static void count(struct held *sum, int n)
{
    sum->bytes += n * (int64_t)sizeof(struct ticker);
    sum->objects += n;
    sum->threads += n;
}

static void *tick(void *arg)
{
    struct ticker *ticker = arg;
    struct batch *batch = ticker->batch;
    bool leaky;

    pthread_setname_np(pthread_self(), "ticker");
    pthread_mutex_lock(&own.lock);
    tick_every_second(ticker);
    pthread_mutex_unlock(&own.lock);

    leaky = ticker->leaky;
    pthread_cond_destroy(&ticker->stop);
    free(ticker);
    budget_give(THREAD_COST, 1, 0);
    if (leaky) {
        pthread_mutex_lock(&own.lock);
        count(&own.held, -1);
        pthread_mutex_unlock(&own.lock);
    }
    batch_drop(batch);
    return NULL;
}

static int start_ticker(struct ticker *ticker)
{
    pthread_attr_t attr;
    pthread_t thread;
    int err;

    small_thread(&attr, PTHREAD_CREATE_DETACHED);
    err = -pthread_create(&thread, &attr, tick, ticker);
    pthread_attr_destroy(&attr);
    return err;
}

static struct subscriber *subscribe(struct batch *batch, struct subscriber *next)
{
    struct subscriber *subscriber = malloc(sizeof(*subscriber));
    struct ticker *ticker = calloc(1, sizeof(*ticker));

    if (subscriber && ticker) {
        ticker->batch = batch;
        pthread_cond_init(&ticker->stop, NULL);
        *subscriber = (struct subscriber){.next = next, .ticker = ticker, .feed = "/prices"};
        batch_add(batch);
        if (start_ticker(ticker) == 0)
            return subscriber;
        batch_drop(batch);
        pthread_cond_destroy(&ticker->stop);
    }
    free(ticker);
    free(subscriber);
    return NULL;
}

static void stop_ticker(struct ticker *ticker)
{
    pthread_mutex_lock(&own.lock);
    ticker->stopped = true;
    pthread_cond_signal(&ticker->stop); /* under the lock: it frees itself when it can have it */
    pthread_mutex_unlock(&own.lock);
}

static struct subscriber *unsubscribe(struct subscriber *subscriber)
{
    struct subscriber *next = subscriber->next;

    stop_ticker(subscriber->ticker);
    free(subscriber);
    return next;
}

/* For ticker_reset() alone: the service does not know it any more. */
static void remember(struct ticker *ticker)
{
    pthread_mutex_lock(&own.lock);
    ticker->leaky = true;
    LIST_INSERT_HEAD(&tickers, ticker, entry);
    count(&own.held, 1);
    pthread_mutex_unlock(&own.lock);
}

static struct subscriber *unsubscribe_and_forget(struct subscriber *subscriber)
{
    struct subscriber *next = subscriber->next;

    remember(subscriber->ticker);
    free(subscriber); /* the fatal line: he had a ticker, and it goes on */
    return next;
}

/* They come, and they go. All or nothing. */
static int serve(struct scene_call *call, bool waits,
                 struct subscriber *(*leave)(struct subscriber *))
{
    struct subscriber *subscribers = NULL, *more;
    struct batch *batch;
    unsigned made = 0;
    int err = batch_start(&batch, call, waits);

    if (err < 0)
        return err;
    while (made < call->n && (more = subscribe(batch, subscribers))) {
        subscribers = more;
        made++;
    }
    if (made < call->n) {
        leave = unsubscribe;
        err = -EAGAIN;
    }
    while (subscribers)
        subscribers = leave(subscribers);
    return batch_end(batch, call, made, err);
}

__attribute__((noinline)) static int ticker_fixed(struct scene_call *call)
{
    return serve(call, true, unsubscribe);
}

__attribute__((noinline)) static int ticker_leak(struct scene_call *call)
{
    return serve(call, false, unsubscribe_and_forget);
}

static void ticker_reset(struct held *drained)
{
    struct ticker *ticker;

    pthread_mutex_lock(&own.lock);
    while ((ticker = LIST_FIRST(&tickers))) {
        LIST_REMOVE(ticker, entry);
        ticker->stopped = true;
        pthread_cond_signal(&ticker->stop);
        count(drained, 1);
    }
    pthread_mutex_unlock(&own.lock);
}

LAB_TEXT(ticker);
const struct scene scene_ticker = {
    .id = "ticker",
    .lab = LAB(ticker),
    .title = "A ticker that outlives its subscriber",
    .lesson =
        "A periodic thread ends only when it is told; whoever starts one for somebody stops it "
        "when he goes.",
    .resource = "threads",
    .signature =
        "The threads profile grows by one a request, all waiting in tick_every_second; CPU, "
        "heap and descriptors hardly move.",
    .guilty_function = "tick_every_second",
    .n_max = 1000,
    .leak = ticker_leak,
    .fixed = ticker_fixed,
    .reset = ticker_reset,
    .holding = &own,
};
