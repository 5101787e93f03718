/*
 * The trace line, like Go's gctrace, for everything that a process can leak. One line per period on
 * standard error, always with the same keys in the same order, each followed by its value:
 *
 *   memtrace 12 pid 4711 time 12.003 heap 73400320 error 6200000 change +5242880 objects 1120
 *   rss 91000000 gap 17599680 threads 6 unjoined 0 fds 19 mappings 143 snapshot 3.210 dropped 0
 *
 *   memtrace  number of the period, from 1; a missing number was a dropped line
 *   pid       the process
 *   time      seconds since the profiler began, normally with the process
 *   heap      bytes in use, as in /debug/pprof/heap
 *   error     standard error of `heap`; 0 if exact
 *   change    of `heap` since the line before, in the first since tracing began; with a sign
 *   objects   blocks in use
 *   rss       resident bytes from the kernel, including the profiler's own
 *   gap       rss less heap: code, stacks, free memory that malloc holds, less untouched pages
 *   threads   the program's running threads
 *   unjoined  threads that have ended and were not joined
 *   fds       the program's open descriptors
 *   mappings  those that the program made by mmap() and similar calls, and has not unmapped
 *   snapshot  milliseconds that the last snapshot took; - before the first
 *   dropped   lines so far that could not be written at once
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
                     const struct lp_vitals *life);

#endif
