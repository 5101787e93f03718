/* Loop thread, except where a function says otherwise. */
#include "serve/work.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>

#include "leakprof_evhttp.h"
#include "serve/reply.h"
#include "symbolize/cancel.h"
#include "symbolize/readers.h"
#include "symbolize/symbols.h"
#include "sys/pages.h"

static STAILQ_HEAD(, lp_work) queue = STAILQ_HEAD_INITIALIZER(queue);
static struct {
    struct lp_work *current; /* its turn has come: it is taken or written */
    int nwaiting;            /* in the queue, and those that are only taken */
    struct leakprof_evhttp_gate *gate;
} work;

static struct lp_work *of(struct lp_job *job)
{
    return (struct lp_work *)((char *)job - offsetof(struct lp_work, job));
}

static void drop(struct lp_work *it)
{
    lp_client_unwatch(&it->client);
    it->steps->done(it, NULL);
}

static void finish(struct lp_work *it)
{
    struct evhttp_request *http = it->client.http;
    lp_reply_begin(it->refused);
    lp_client_unwatch(&it->client);
    it->steps->done(it, http);
}

static void refuse(struct lp_work *it, struct evhttp_request *http, const char *why)
{
    char seconds[16];
    snprintf(seconds, sizeof seconds, "%d", LP_WORK_AGAIN_SECONDS);
    drop(it);
    lp_reply_header(http, "Retry-After", seconds);
    lp_reply_error(http, lp_status(-EBUSY), "%s", why);
}

static void begin_next(void);

static void end_turn(struct lp_work *it, bool stopped)
{
    work.current = NULL;
    if (stopped) {
        drop(it);
        return;
    }
    finish(it);
    begin_next();
}

/* Makes a step, on the thread that it is for. true: something was refused. */
static bool make(struct lp_work *it, void (*step)(struct lp_work *work))
{
    uint64_t before = lp_own_refused();
    step(it);
    bool refused = lp_own_refused() != before;
    it->refused |= refused;
    return refused;
}

/* On the writer. If the client goes from here on, the look-up of names is cancelled. */
static void run(struct lp_job *job)
{
    struct lp_work *it = of(job);
    lp_symbols_resume();
    if (!atomic_load(&it->gone) && make(it, it->steps->run))
        lp_symbols_forget(); /* names that could not be read are known as unknown */
}

static void ran(struct lp_job *job, bool stopped)
{
    end_turn(of(job), stopped);
}

static void write_it(struct lp_work *it)
{
    if (it->steps->begin)
        make(it, it->steps->begin);
    it->job = (struct lp_job){.run = run, .done = ran};
    lp_helper_add(LP_WRITER, &it->job);
}

/* On the taker. */
static void take(struct lp_job *job)
{
    struct lp_work *it = of(job);
    if (!it->steps->run || !atomic_load(&it->gone))
        make(it, it->steps->take);
}

static void taken(struct lp_job *job, bool stopped)
{
    struct lp_work *it = of(job);
    if (it != work.current) {
        work.nwaiting--;
        if (stopped)
            drop(it);
        else
            finish(it);
    } else if (stopped || atomic_load(&it->gone)) {
        end_turn(it, stopped);
    } else {
        write_it(it);
    }
}

static void begin(struct lp_work *it)
{
    if (!it->steps->take) {
        write_it(it);
        return;
    }
    it->job = (struct lp_job){.run = take, .done = taken};
    lp_helper_add(LP_TAKER, &it->job);
}

static void begin_next(void)
{
    struct lp_work *it;
    while (!work.current && (it = STAILQ_FIRST(&queue))) {
        STAILQ_REMOVE_HEAD(&queue, link);
        work.nwaiting--;
        it->waits = false;
        if (!it->accepted && it->client.http && leakprof_evhttp_crowded(work.gate))
            refuse(it, it->client.http, LP_CROWDED);
        else
            begin(work.current = it);
    }
}

static void give_up(struct lp_work *it)
{
    atomic_store(&it->gone, true);
    if (it->job.run == run)
        lp_symbols_cancel();
}

/* The client has disconnected. */
static void on_gone(void *arg)
{
    struct lp_work *it = arg;
    if (it->waits) {
        STAILQ_REMOVE(&queue, it, lp_work, link);
        work.nwaiting--;
        drop(it);
        return;
    }
    if (it == work.current)
        give_up(it);
    lp_client_unwatch(&it->client);
}

void lp_work_add(struct lp_work *it, struct evhttp_request *http)
{
    if (!it->accepted && work.nwaiting >= LP_WORK_MAX) {
        refuse(it, http, "too many requests wait for an answer; try again later");
        return;
    }
    if (lp_client_watch(&it->client, http, on_gone, it) != 0) {
        it->steps->done(it, NULL);
        lp_reply_no_memory(http);
        return;
    }
    work.nwaiting++;
    if (!it->steps->run) {
        begin(it);
        return;
    }
    it->waits = true;
    STAILQ_INSERT_TAIL(&queue, it, link);
    begin_next();
}

/* Bytes that the writer has released, and those that the taker is to give back. */
static int64_t unused, taker_unused;

/* On the taker. */
static void give_back(struct lp_job *job)
{
    (void)job;
    lp_give_back(taker_unused);
}

static void gave_back(struct lp_job *job, bool stopped)
{
    (void)job, (void)stopped;
}

/* On the writer. */
static void release_idle(struct lp_job *job)
{
    (void)job;
    unused = lp_symbols_release_idle();
}

/* Each thread has its own part of malloc. */
static void released(struct lp_job *job, bool stopped)
{
    static struct lp_job taker = {.run = give_back, .done = gave_back};
    (void)job;
    lp_give_back(unused);
    if (stopped || unused == 0 || lp_helper_busy(LP_TAKER))
        return;
    taker_unused = unused;
    lp_helper_add(LP_TAKER, &taker);
}

void lp_work_idle(void)
{
    static struct lp_job writer = {.run = release_idle, .done = released};
    lp_helpers_look();
    if (!work.current && !lp_helper_busy(LP_WRITER))
        lp_helper_add(LP_WRITER, &writer);
}

int lp_work_start(struct event_base *base, struct leakprof_evhttp_gate *gate)
{
    work.gate = gate;
    return lp_helpers_start(base);
}

void lp_work_stop(void)
{
    struct lp_work *it;
    while ((it = STAILQ_FIRST(&queue))) {
        STAILQ_REMOVE_HEAD(&queue, link);
        drop(it);
    }
    lp_work_abandon();
    lp_helpers_stop();
    work.nwaiting = 0;
}

void lp_work_abandon(void)
{
    if (work.current)
        give_up(work.current);
    lp_helpers_abandon();
}

void lp_work_forked(void)
{
    STAILQ_INIT(&queue);
    work.current = NULL;
    work.nwaiting = 0;
    lp_helpers_forked();
}
