/* The public API of leakprof.h, all of it. leakprof_server.h and leakprof_evhttp.h name parts of
 * serve/. */
#include "leakprof.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent.h"
#include "link.h"
#include "record/rate.h"
#include "record/requests.h"
#include "record/waits.h"
#include "sys/losses.h"
#include "sys/pages.h"
#include "sys/period.h"

static int set_waits_rate(enum lp_waits kind, int64_t rate)
{
    if (rate < 0 || rate > LP_WAITS_RATE_MAX)
        return -EINVAL;
    lp_waits_rate_set(kind, rate);
    return 0;
}

int leakprof_set_block_rate(int64_t ns)
{
    return set_waits_rate(LP_WAITS_BLOCK, ns);
}

int leakprof_set_mutex_fraction(int64_t n)
{
    return set_waits_rate(LP_WAITS_MUTEX, n);
}

void leakprof_count_requests(uint64_t n)
{
    lp_requests_add(n);
}

enum { KEEP_MIN = 7, KEEP_MAX = 200 }; /* as leakprof.h has it */

/* What the options say, else the environment; 0 or negative: none. */
static int64_t period_of(int64_t given, const char *variable)
{
    if (given)
        return given;
    const char *text = getenv(variable);
    int64_t period = text && *text ? lp_trace_period(text) : 0;
    if (period >= 0)
        return period;
    dprintf(STDERR_FILENO, "leakprof: %s: %.80s: not " LP_TRACE_ALLOWED "\n", variable, text);
    return 0;
}

static int64_t keep_of(int64_t given)
{
    const char *text = given ? NULL : getenv("LEAKPROF_SNAPSHOT_KEEP");
    if (!text || !*text)
        return given ? given : 0;
    char *end;
    long keep = strtol(text, &end, 10);
    if (*end == '\0' && keep >= KEEP_MIN && keep <= KEEP_MAX)
        return keep;
    dprintf(STDERR_FILENO, "leakprof: LEAKPROF_SNAPSHOT_KEEP: %.80s: not a number from %d to %d\n",
            text, KEEP_MIN, KEEP_MAX);
    return 0;
}

int leakprof_start(const struct leakprof_options *options)
{
    const char *why;
    struct leakprof_options all = *options;
    all.trace_ms = period_of(options->trace_ms, "LEAKPROF_TRACE");
    all.snapshot_every_ms = period_of(options->snapshot_every_ms, "LEAKPROF_SNAPSHOT_EVERY");
    all.snapshot_keep = keep_of(options->snapshot_keep);
    return lp_agent_start(&all, &why);
}

void leakprof_stop(void)
{
    lp_agent_stop();
}

const char *leakprof_url(void)
{
    return lp_agent_url();
}

void leakprof_stats(struct leakprof_stats *stats)
{
    const char *why;
    const struct lp_reporter *reporter = lp_reporter(&why);
    *stats = (struct leakprof_stats){.rate = lp_rate(), .losses = (int64_t)lp_losses_total()};
    if (reporter)
        reporter->stats(stats);
}

void leakprof_each_loss(void (*visit)(const char *cause, uint64_t count, void *arg), void *arg)
{
    for (int cause = 0; cause < LP_LOSS_COUNT; cause++)
        visit(lp_loss_name(cause), lp_losses(cause), arg);
}

void leakprof_each_table(void (*visit)(const char *table, int64_t bytes, void *arg), void *arg)
{
    for (int kind = 0; kind < LP_OWN_COUNT; kind++)
        visit(lp_own_name(kind), lp_own_bytes(kind), arg);
}
