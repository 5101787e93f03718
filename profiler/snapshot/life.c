#include "snapshot/life.h"

#include <time.h>

#include "capture/rate.h"
#include "snapshot/kinds.h"
#include "snapshot/store.h"
#include "snapshot/weight.h"
#include "tables/losses.h"
#include "tables/threads.h"

void lp_life_read(struct lp_life *life)
{
    struct leakprof_stats heap;
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    lp_heap_totals(&heap);
    struct lp_weight weight = lp_weight_now();
    *life = (struct lp_life){
        .time_ns = (int64_t)wall.tv_sec * 1000000000 + wall.tv_nsec,
        .uptime_ns = lp_now_ns() - lp_began_ns(),
        .heap_bytes = heap.heap_inuse_bytes,
        .heap_error = heap.heap_inuse_bytes_error,
        .heap_objects = heap.heap_inuse_objects,
        .alloc_bytes = heap.heap_alloc_bytes,
        .alloc_objects = heap.heap_alloc_objects,
        .rss_bytes = lp_rss_bytes(),
        .own_bytes = lp_weight_mapped(&weight) + weight.heap,
        .threads = lp_thread_count(),
        .unjoined = lp_threads_unjoined(),
        .fds = lp_fd_count(),
        .mappings = lp_mapping_count(),
        .losses = (int64_t)lp_losses_total(),
        .snapshot_cost_ns = lp_snapshot_last_cost_ns(),
    };
}
