#include "serve/trace.h"

#include <errno.h>
#include <limits.h>
#include <event2/event.h>

#include "inspect/stderr.h"
#include "write/trace.h"

_Static_assert(LP_TRACE_LINE_MAX <= PIPE_BUF, "a line stays whole among those of others");

static struct event *timer; /* NULL: none */
static struct lp_trace trace;

static void on_period(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    char line[LP_TRACE_LINE_MAX];
    struct lp_vitals vitals;

    trace.number++;
    lp_vitals_read(&vitals);
    if (lp_stderr_write(line, lp_trace_line(line, &trace, &vitals)))
        trace.heap_bytes = vitals.heap_bytes;
    else
        trace.dropped++;
}

int lp_trace_start(struct event_base *base, int64_t period_ms)
{
    struct timeval period = {.tv_sec = period_ms / 1000, .tv_usec = period_ms % 1000 * 1000};
    struct lp_vitals vitals;

    timer = event_new(base, -1, EV_PERSIST, on_period, NULL);
    if (!timer || event_add(timer, &period) != 0)
        return -ENOMEM;
    lp_vitals_read(&vitals);
    trace = (struct lp_trace){.heap_bytes = vitals.heap_bytes};
    return 0;
}

void lp_trace_stop(void)
{
    if (timer)
        event_free(timer);
    timer = NULL;
}

void lp_trace_forked(void)
{
    timer = NULL;
}
