#include "profile/vitals.h"

#include "sys/clock.h"
#include "inspect/process.h"
#include "profile/store.h"
#include "inspect/footprint.h"
#include "sys/losses.h"
#include "record/threads.h"

void lp_vitals_read(struct lp_vitals *vitals)
{
    struct leakprof_stats heap;
    lp_heap_totals(&heap);
    struct lp_footprint footprint = lp_footprint_now();
    *vitals = (struct lp_vitals){
        .time_ns = lp_clock_ns(CLOCK_REALTIME),
        .uptime_ns = lp_now_ns() - lp_began_ns(),
        .heap_bytes = heap.heap_inuse_bytes,
        .heap_error = heap.heap_inuse_bytes_error,
        .heap_objects = heap.heap_inuse_objects,
        .alloc_bytes = heap.heap_alloc_bytes,
        .alloc_objects = heap.heap_alloc_objects,
        .rss_bytes = lp_rss_bytes(),
        .own_bytes = lp_footprint_mapped(&footprint) + footprint.heap,
        .threads = lp_thread_count(),
        .unjoined = lp_threads_unjoined(),
        .fds = lp_fd_count(),
        .mappings = lp_mapping_count(),
        .losses = (int64_t)lp_losses_total(),
        .snapshot_cost_ns = lp_snapshot_last_cost_ns(),
    };
}
