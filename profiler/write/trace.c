#include "write/trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

size_t lp_trace_line(char out[LP_TRACE_LINE_MAX], const struct lp_trace *trace,
                     const struct lp_vitals *life)
{
    char cost[32] = "-";
    if (life->snapshot_cost_ns >= 0)
        snprintf(cost, sizeof cost, "%.3f", (double)life->snapshot_cost_ns / 1e6);
    int n = snprintf(out, LP_TRACE_LINE_MAX,
                     "memtrace %" PRId64 " pid %d time %.3f heap %" PRId64 " error %" PRId64
                     " change %+" PRId64 " objects %" PRId64 " rss %" PRId64 " gap %" PRId64
                     " threads %" PRId64 " unjoined %" PRId64 " fds %" PRId64 " mappings %" PRId64
                     " snapshot %s dropped %" PRId64 "\n",
                     trace->number, (int)getpid(), (double)life->uptime_ns / 1e9, life->heap_bytes,
                     life->heap_error, life->heap_bytes - trace->heap_bytes, life->heap_objects,
                     life->rss_bytes, life->rss_bytes - life->heap_bytes, life->threads,
                     life->unjoined, life->fds, life->mappings, cost, trace->dropped);
    return (size_t)n; /* there is room for 15 numbers of 20 digits */
}
