/* Figures of the whole process, from the kernel and malloc. */
#ifndef LP_INSPECT_PROCESS_H
#define LP_INSPECT_PROCESS_H

#include <stdint.h>

#include "leakprof.h"

/* The figures of one moment. */
struct lp_process_figures {
    int64_t rss_bytes, mapped_bytes;
    int64_t malloc_arena_bytes, malloc_free_bytes; /* -1: not known, the allocator is not libc's */
    int64_t malloc_top_bytes;                      /* free bytes at the end of the main arena */
    int64_t threads, fds, sockets;                 /* the program's */
    int64_t unjoined;                              /* threads that have ended and were not joined */
    int64_t mappings;             /* made by mmap() and similar calls, without libc's own */
    int64_t children, zombies;    /* those that a hook saw; zombies have not been waited for */
    int64_t requests;             /* counted by the program with leakprof_count_requests() */
    int64_t own_threads, own_fds; /* the profiler's */
};
void lp_process_figures(struct lp_process_figures *figures);

/* The program's file name as it was called, without its directory. It may contain any bytes. */
const char *lp_program_name(void);

/* The path of its file, "" if it cannot be read. Many programs write what they do over their name,
 * and whom they serve. They cannot change this. It may contain any bytes. */
enum { LP_PROGRAM_FILE_MAX = 512 };
const char *lp_program_file(char out[LP_PROGRAM_FILE_MAX]);

/* Single figures that are read often, as cheaply as the kernel allows. Descriptors and threads are
 * the program's. Mappings are those made by mmap() and similar calls. */
int64_t lp_thread_count(void);
int64_t lp_fd_count(void);
int64_t lp_mapping_count(void);

/* Sets only the heap_ members. */
void lp_heap_totals(struct leakprof_stats *stats);

/* Resident memory; 0: it cannot be read. */
int64_t lp_rss_bytes(void);

#endif
