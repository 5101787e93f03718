/*
 * The figures of life as events of a text/event-stream. Two kinds: `history`, the first one, has
 * whose figures they are and what has been kept of them so far; `point` has one more.
 *
 *   event: history
 *   data: {"program":"leakyard","pid":4711,"fields":["time_ms",...],"points":[[...],...]}
 *
 *   event: point
 *   data: {"time_ms":1790000000000,"heap_bytes":...}
 *
 * A point's fields are those of the line of life (write/trace.h), with what was allocated and lost
 * so far, and what the profiler itself holds, instead of what changed: time_ms since 1970,
 * heap_bytes, heap_error, heap_objects, alloc_bytes, alloc_objects, rss_bytes, own_bytes, threads,
 * unjoined, fds, mappings, losses.
 */
#ifndef LP_WRITE_LIVE_H
#define LP_WRITE_LIVE_H

#include <stdio.h>

#include "profile/history.h"

/* 0 or -ENOMEM. */
int lp_write_live_history(FILE *out, const struct lp_history *history);
void lp_write_live_point(FILE *out, const struct lp_vitals *life);

#endif
