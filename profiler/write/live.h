/*
 * The figures of profile/vitals.h as events of a text/event-stream. There are two kinds. `history`
 * comes first: the program and the figures kept so far. Each `point` adds one reading.
 *
 *   event: history
 *   data: {"program":"leakyard","pid":4711,"fields":["time_ms",...],"points":[[...],...]}
 *
 *   event: point
 *   data: {"time_ms":1790000000000,"heap_bytes":...}
 *
 * The fields are: time_ms since 1970, heap_bytes, heap_error, heap_objects, alloc_bytes,
 * alloc_objects, rss_bytes, own_bytes, threads, unjoined, fds, mappings, losses. They mean the same
 * as in the trace line (write/trace.h); the allocated and lost ones count from the start, and
 * own_bytes is the profiler's own memory.
 */
#ifndef LP_WRITE_LIVE_H
#define LP_WRITE_LIVE_H

#include <stdio.h>

#include "profile/history.h"

/* 0 or a negative errno. */
int lp_write_live_history(FILE *out, const struct lp_history *history);
void lp_write_live_point(FILE *out, const struct lp_vitals *vitals);

#endif
