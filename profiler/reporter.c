/* The functions of the reporter that the recorder may call (link.h). */
#include "link.h"

#include "inspect/footprint.h"
#include "inspect/process.h"
#include "record/rate.h"
#include "reporter_renew.h"
#include "serve/server.h"
#include "sys/losses.h"
#include "sys/pages.h"

static void stats(struct leakprof_stats *stats)
{
    struct lp_process_figures figures;
    uint64_t refused = lp_own_refused();
    lp_process_figures(&figures);
    if (lp_own_refused() != refused)
        figures.threads = figures.fds = figures.sockets = figures.own_fds = -1;
    struct lp_footprint footprint = lp_footprint_now();
    *stats = (struct leakprof_stats){
        .rate = lp_rate(),
        .rate_auto = lp_rate_automatic(),
        .threads = figures.threads,
        .fds = figures.fds,
        .sockets = figures.sockets,
        .mappings = figures.mappings,
        .children = figures.children,
        .zombies = figures.zombies,
        .own_table_bytes = lp_footprint_mapped(&footprint),
        .own_unwinder_bytes = footprint.unwinder,
        .own_heap_bytes = footprint.heap,
        .own_threads = figures.own_threads,
        .own_fds = figures.own_fds,
        .own_hook_ns = footprint.spent.ns,
        .own_hook_events_timed = footprint.spent.timed,
        .live_samples = footprint.live_samples,
        .stacks = footprint.stacks,
        .sites = footprint.sites,
        .losses = (int64_t)lp_losses_total(),
        .malloc_arena_bytes = figures.malloc_arena_bytes,
        .malloc_free_bytes = figures.malloc_free_bytes,
    };
    lp_heap_totals(stats);
}

const struct lp_reporter lp_reporter_functions = {
    .run = lp_server_run,
    .stop = lp_server_stop,
    .forked = lp_reporter_renew,
    .stats = stats,
};
