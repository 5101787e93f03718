/* The public API, all of it. */
#include "leakprof.h"

#include <errno.h>

#include "inspect/footprint.h"
#include "inspect/process.h"
#include "record/rate.h"
#include "record/requests.h"
#include "record/waits.h"
#include "serve/server.h"
#include "sys/losses.h"
#include "sys/pages.h"

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

int leakprof_start(const struct leakprof_options *options)
{
    return lp_server_start(options);
}

void leakprof_stop(void)
{
    lp_server_stop();
}

const char *leakprof_url(void)
{
    return lp_server_url();
}

void leakprof_stats(struct leakprof_stats *stats)
{
    struct lp_process_figures figures;
    lp_process_figures(&figures);
    struct lp_footprint weight = lp_footprint_now();
    *stats = (struct leakprof_stats){
        .rate = lp_rate(),
        .threads = figures.threads,
        .fds = figures.fds,
        .sockets = figures.sockets,
        .mappings = figures.mappings,
        .children = figures.children,
        .zombies = figures.zombies,
        .own_table_bytes = lp_footprint_mapped(&weight),
        .own_unwinder_bytes = weight.unwinder,
        .own_heap_bytes = weight.heap,
        .own_threads = figures.own_threads,
        .own_fds = figures.own_fds,
        .own_hook_ns = weight.spent.ns,
        .own_hook_events_timed = weight.spent.timed,
        .live_samples = weight.live_samples,
        .stacks = weight.stacks,
        .sites = weight.sites,
        .losses = (int64_t)lp_losses_total(),
    };
    lp_heap_totals(stats);
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
