/* The public API of leakprof.h. The functions of leakprof_server.h and leakprof_evhttp.h are in
 * serve/. */
#include "leakprof.h"

#include <errno.h>
#include <stdbool.h>
#include <unistd.h>

#include "agent.h"
#include "config.h"
#include "link.h"
#include "record/allocator.h"
#include "record/rate.h"
#include "record/requests.h"
#include "record/waits.h"
#include "sys/losses.h"
#include "sys/pages.h"

static int set_waits_rate(enum lp_waits kind, enum lp_variable variable, int64_t rate)
{
    if (!lp_config_allows(variable, rate))
        return -EINVAL;
    lp_waits_rate_set(kind, rate);
    return 0;
}

int leakprof_set_block_rate(int64_t ns)
{
    return set_waits_rate(LP_WAITS_BLOCK, LP_VAR_BLOCK_RATE, ns);
}

int leakprof_set_mutex_fraction(int64_t n)
{
    return set_waits_rate(LP_WAITS_MUTEX, LP_VAR_MUTEX_FRACTION, n);
}

void leakprof_count_requests(uint64_t n)
{
    lp_requests_add(n);
}

/* Runs on a thread of the program at start-up, so it may wait for standard error. */
static void report(enum lp_variable variable)
{
    char line[LP_CONFIG_LINE_MAX];
    size_t size = lp_config_refused(line, variable);
    if (size > 0 && write(STDERR_FILENO, line, size) < 0)
        return; /* standard error cannot be written */
}

/* Returns the option, or the variable if the option is 0. A negative option (LEAKPROF_TRACE_OFF,
 * LEAKPROF_SNAPSHOT_OFF, LEAKPROF_CRASH_OFF) means none: 0. */
static int64_t choose(int64_t option, enum lp_variable variable, int64_t configured)
{
    if (option == 0)
        report(variable);
    return option < 0 ? 0 : option ? option : configured;
}

static bool good_period(int64_t ms, enum lp_variable variable)
{
    return ms == 0 || ms == -1 || lp_config_allows(variable, ms);
}

static bool good_numbers(const struct leakprof_options *options)
{
    return (options->rate == LEAKPROF_RATE_KEEP || lp_config_allows(LP_VAR_RATE, options->rate)) &&
           good_period(options->trace_ms, LP_VAR_TRACE) &&
           good_period(options->snapshot_every_ms, LP_VAR_SNAPSHOT_EVERY) &&
           (options->snapshot_keep == 0 ||
            lp_config_allows(LP_VAR_SNAPSHOT_KEEP, options->snapshot_keep)) &&
           (options->crash == LEAKPROF_CRASH_OFF || lp_config_allows(LP_VAR_CRASH, options->crash));
}

int leakprof_start(const struct leakprof_options *options)
{
    const struct lp_config *config = lp_config();
    struct leakprof_options all = *options;
    const char *why;
    if (!good_numbers(options))
        return -EINVAL;
    all.trace_ms = choose(options->trace_ms, LP_VAR_TRACE, config->trace_ms);
    all.snapshot_every_ms =
        choose(options->snapshot_every_ms, LP_VAR_SNAPSHOT_EVERY, config->snapshot_every_ms);
    all.snapshot_keep = choose(options->snapshot_keep, LP_VAR_SNAPSHOT_KEEP, config->snapshot_keep);
    all.crash = choose(options->crash, LP_VAR_CRASH, config->crash);
    if (options->rate == LEAKPROF_RATE_KEEP)
        report(LP_VAR_RATE);
    report(LP_VAR_BLOCK_RATE);
    report(LP_VAR_MUTEX_FRACTION);
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

_Static_assert(LP_ALLOCATOR_WHY <= LEAKPROF_NOTE_MAX, "heap_note is too small");

void leakprof_stats(struct leakprof_stats *stats)
{
    const char *why;
    const struct lp_reporter *reporter = lp_reporter(&why);
    *stats = (struct leakprof_stats){
        .rate = lp_rate(), .rate_auto = lp_rate_automatic(), .losses = (int64_t)lp_losses_total()};
    if (reporter)
        reporter->stats(stats);
    lp_allocator_why(stats->heap_note);
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
