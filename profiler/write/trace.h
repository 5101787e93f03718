/*
 * The trace line: vitals on standard error, one line per interval, as Go's gctrace. Always the same
 * keys in the same order, each followed by its value. REFERENCE.md explains them.
 *
 *   memtrace 12 pid 4711 time 12.003 heap 73400320 error 6200000 change +5242880 objects 1120
 *   rss 91000000 nonheap 17599680 threads 6 unjoined 0 fds 19 mappings 143 snapshot 3.210 dropped 0
 */
#ifndef LP_WRITE_TRACE_H
#define LP_WRITE_TRACE_H

#include <stddef.h>
#include <stdint.h>

#include "profile/vitals.h"

enum { LP_TRACE_LINE_MAX = 512 };

struct lp_trace {
    int64_t number, dropped;
    int64_t heap_bytes; /* in the last line written */
};

/* Writes the line with its newline into out. Returns its length. */
size_t lp_trace_line(char out[LP_TRACE_LINE_MAX], const struct lp_trace *trace,
                     const struct lp_vitals *vitals);

#endif
