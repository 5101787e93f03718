#include "http/periodic.h"

#include <errno.h>
#include <event2/event.h>

#include "snapshot/store.h"

static struct event_base *loop;
static struct event *timer; /* NULL: none */
static struct lp_periodic state = {.keep = LP_PERIODIC_KEEP};

static void on_period(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    if (lp_store_take_periodic(state.keep) != 0)
        state.missed++;
}

static void drop_timer(void)
{
    if (timer)
        event_free(timer);
    timer = NULL;
}

int lp_periodic_set(int64_t every_ms, size_t keep)
{
    struct timeval period = {.tv_sec = every_ms / 1000, .tv_usec = every_ms % 1000 * 1000};

    drop_timer();
    state.every_ms = 0;
    state.keep = keep;
    if (every_ms == 0)
        return 0;
    timer = event_new(loop, -1, EV_PERSIST, on_period, NULL);
    if (!timer || event_add(timer, &period) != 0) {
        drop_timer();
        return -ENOMEM;
    }
    state.every_ms = every_ms;
    event_active(timer, EV_TIMEOUT, 0);
    return 0;
}

int lp_periodic_start(struct event_base *base, int64_t every_ms, size_t keep)
{
    loop = base;
    state.missed = 0;
    return lp_periodic_set(every_ms, keep);
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
