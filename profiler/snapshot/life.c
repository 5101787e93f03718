#include "snapshot/life.h"

#include "capture/rate.h"
#include "snapshot/kinds.h"
#include "tables/threads.h"
#include "snapshot/store.h"

void lp_life_read(struct lp_life *life)
{
    struct leakprof_stats heap;
    lp_heap_totals(&heap);
    *life = (struct lp_life){
        .uptime_ns = lp_now_ns() - lp_began_ns(),
        .heap_bytes = heap.heap_inuse_bytes,
        .heap_error = heap.heap_inuse_bytes_error,
        .heap_objects = heap.heap_inuse_objects,
        .rss_bytes = lp_rss_bytes(),
        .threads = lp_thread_count(),
        .unjoined = lp_threads_unjoined(),
        .fds = lp_fd_count(),
        .mappings = lp_mapping_count(),
        .snapshot_cost_ns = lp_snapshot_last_cost_ns(),
    };
}
