/*
 * The line of life: what Go's gctrace is for its heap, for all that a process can leak. One line a
 * period on standard error, always the same keys in the same order, a value behind each:
 *
 *   memtrace 12 pid 4711 time 12.003 heap 73400320 error 6200000 change +5242880 objects 1120
 *   rss 91000000 nonheap 17599680 threads 6 unjoined 0 fds 19 mappings 143 snapshot 3.210 dropped 0
 *
 *   memtrace  number of the period, from 1 up; one that is missing was dropped
 *   pid       the process
 *   time      seconds since the profiler began, with the process as a rule
 *   heap      bytes in use, as in /debug/pprof/heap; with its standard error, 0 when exact
 *   change    of `heap` since the line before, in the first since tracing began; always with a sign
 *   objects   blocks in use
 *   rss       resident bytes, as the kernel has it, the profiler's own among them
 *   nonheap   rss less heap: code, stacks, free memory that malloc keeps, pages not touched yet
 *   threads   the program's that run; `unjoined` have ended and nobody has joined them
 *   fds       the program's open descriptors
 *   mappings  that the program made by mmap() and the like, and has not unmapped
 *   snapshot  milliseconds that the last snapshot took; - before there is one
 *   dropped   lines so far that standard error would not take at once
 */
#ifndef LP_WRITE_TRACE_H
#define LP_WRITE_TRACE_H

#include <stddef.h>
#include <stdint.h>

#include "profile/vitals.h"

enum { LP_TRACE_LINE_MAX = 512 };

struct lp_trace {
    int64_t number, dropped;
    int64_t heap_bytes; /* in the last line that was written */
};

/* Writes the line with its end into out; returns its length. */
size_t lp_trace_line(char out[LP_TRACE_LINE_MAX], const struct lp_trace *trace,
                     const struct lp_vitals *life);

#endif
