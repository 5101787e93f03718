#include "serve/periodic.h"

#include <errno.h>
#include <event2/event.h>

#include "sys/clock.h"
#include "profile/store.h"
#include "serve/helpers.h"

static struct event_base *loop;
static struct event *timer; /* NULL: none */
static struct lp_periodic state = {.keep = LP_PERIODIC_KEEP, .stacks = true};

int64_t lp_periodic_wait_ms(int64_t every_ms, int64_t cost_ns)
{
    int64_t cost_ms = cost_ns / 1000000, period = cost_ms * LP_PERIODIC_SHARE;
    return (period > every_ms ? period : every_ms) - cost_ms;
}

static struct taking {
    struct lp_job job;
    bool under_way;
    bool late; /* the next one is due already */
    bool stacks;
    int64_t due_ns, began_ns, ended_ns;
    struct lp_snapshot *snapshot;
    int untaken; /* why there is none: a positive errno */
} taking;

static int wait_for_next(int64_t ms)
{
    return event_add(timer, &(struct timeval){ms / 1000, ms % 1000 * 1000});
}

/* The time that it waited for its turn is no cost, and does not make the next one late. */
static int64_t wait_ms(void)
{
    int64_t waited_ms = (taking.began_ns - taking.due_ns) / 1000000;
    int64_t ms = lp_periodic_wait_ms(state.every_ms, taking.ended_ns - taking.began_ns) - waited_ms;
    return taking.late || ms < 0 ? 0 : ms;
}

static void missed(int why)
{
    state.missed++;
    state.why = why;
}

static void take(struct lp_job *job)
{
    (void)job;
    taking.began_ns = lp_now_ns();
    taking.snapshot = lp_snapshot_now(taking.stacks);
    taking.untaken = taking.snapshot ? 0 : errno;
    taking.ended_ns = lp_now_ns();
}

/* It is not kept if there are to be none any more. */
static void taken(struct lp_job *job, bool stopped)
{
    (void)job;
    struct lp_snapshot *snapshot = taking.snapshot;
    taking.under_way = false;
    taking.snapshot = NULL;
    if (state.every_ms == 0) {
        lp_snapshot_free(snapshot);
        return;
    }
    int error =
        snapshot ? lp_store_put_periodic(snapshot, state.keep, LP_PERIODIC_BYTES) : -taking.untaken;
    if (error)
        missed(-error);
    if (!stopped && timer)
        wait_for_next(wait_ms());
}

static void on_period(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    taking.late = taking.under_way; /* the schedule has changed */
    if (taking.under_way)
        return;
    if (lp_store_room() != 0) {
        missed(ENOSPC);
        wait_for_next(state.every_ms);
        return;
    }
    taking = (struct taking){
        .job = {.run = take, .done = taken},
        .under_way = true,
        .stacks = state.stacks,
        .due_ns = lp_now_ns(),
    };
    lp_helper_add(LP_TAKER, &taking.job);
}

static void drop_timer(void)
{
    if (timer)
        event_free(timer);
    timer = NULL;
}

int lp_periodic_set(int64_t every_ms, size_t keep, bool stacks)
{
    drop_timer();
    state.every_ms = 0;
    state.keep = keep;
    state.stacks = stacks;
    if (every_ms == 0)
        return 0;
    timer = evtimer_new(loop, on_period, NULL);
    if (!timer || wait_for_next(0) != 0) {
        drop_timer();
        return -ENOMEM;
    }
    state.every_ms = every_ms;
    return 0;
}

int lp_periodic_start(struct event_base *base, int64_t every_ms, size_t keep, bool stacks)
{
    loop = base;
    state.missed = state.why = 0;
    return lp_periodic_set(every_ms, keep, stacks);
}

int lp_periodic_restart(struct event_base *base)
{
    loop = base;
    if (state.every_ms == 0)
        return 0;
    timer = evtimer_new(loop, on_period, NULL);
    return timer && wait_for_next(state.every_ms) == 0 ? 0 : -ENOMEM;
}

const struct lp_periodic *lp_periodic(void)
{
    return &state;
}

void lp_periodic_stop(void)
{
    drop_timer();
}

void lp_periodic_forked(void)
{
    timer = NULL;
    taking.under_way = false;
    state.every_ms = 0;
}
