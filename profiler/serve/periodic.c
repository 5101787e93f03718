#include "serve/periodic.h"

#include <errno.h>
#include <event2/event.h>

#include "inspect/threads.h"
#include "sys/clock.h"
#include "profile/store.h"

static struct event_base *loop;
static struct event *timer; /* NULL: none */
static struct lp_periodic state = {.keep = LP_PERIODIC_KEEP, .stacks = true};

int64_t lp_periodic_wait_ms(int64_t every_ms, int64_t cost_ns)
{
    int64_t cost_ms = cost_ns / 1000000, period = cost_ms * LP_PERIODIC_SHARE;
    return (period > every_ms ? period : every_ms) - cost_ms;
}

static int wait_for_next(int64_t ms)
{
    return event_add(timer, &(struct timeval){ms / 1000, ms % 1000 * 1000});
}

static void on_period(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    int64_t began = lp_now_ns();
    lp_threads_stacks(state.stacks);
    int error = lp_store_take_periodic(state.keep, LP_PERIODIC_BYTES);
    lp_threads_stacks(true);
    if (error) {
        state.missed++;
        state.why = -error;
    }
    wait_for_next(lp_periodic_wait_ms(state.every_ms, lp_now_ns() - began));
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
    state.every_ms = 0;
}
