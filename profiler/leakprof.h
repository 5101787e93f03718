/*
 * leakprof: a leak profiler that lives inside the program it watches.
 *
 * It observes the allocator the program already has (glibc's), its descriptors, threads, mappings
 * and child processes, and serves Go's /debug/pprof contract over HTTP from a thread of its own.
 * Link libleakprof.a whole
 * (-Wl,--whole-archive) with exported symbols (-rdynamic), or preload libleakprof.so.
 *
 * Observation begins with the first malloc of the process, at the rate in LEAKPROF_RATE (bytes, see
 * below) or 524288; leakprof_start() only opens the HTTP side.
 *
 * Threads: every function here may be called from any thread, but start and stop from one at a
 * time. Errors: functions that return int return 0 or a negative errno.
 */
#ifndef LEAKPROF_H
#define LEAKPROF_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Programs may look for these in the preloaded library. */
#pragma GCC visibility push(default)

#define LEAKPROF_VERSION "0.1.0"
#define LEAKPROF_RATE_DEFAULT 524288
#define LEAKPROF_RATE_KEEP (-1)
#define LEAKPROF_TRACE_OFF (-1)
#define LEAKPROF_SNAPSHOT_OFF (-1)

/* The block and mutex profiles, as Go has them; both are off (0) unless LEAKPROF_BLOCK_RATE or
 * LEAKPROF_MUTEX_FRACTION says otherwise. A wait of `ns` or longer is recorded always, a shorter
 * one with a chance in proportion (1: every wait); of n times that a lock was let go of for which
 * others waited, one is. At any time, before leakprof_start() too. -EINVAL: negative, or above 1 <<
 * 40. */
int leakprof_set_block_rate(int64_t ns);
int leakprof_set_mutex_fraction(int64_t n);

/* What the program counts as its work: requests, messages, jobs. Growth per request is then told
 * beside growth per second, and a pause in the load is not taken for the end of a leak. One relaxed
 * addition; signal-safe. */
void leakprof_count_requests(uint64_t n);

struct leakprof_options {
    const char *listen; /* "127.0.0.1:6060", "[::1]:0"; port 0 picks a free one. NULL: nothing is
                         * served, the thread only writes the trace below */
    int64_t
        rate; /* mean bytes between samples; 1 is exact, 0 is off, LEAKPROF_RATE_KEEP as it is */
    const char *token; /* what clients must present (Bearer, or Basic as the password); NULL: none.
                        * Without one only loopback addresses may be listened on (-EACCES). */
    int64_t trace_ms;  /* a line of figures on standard error every so many ms, 100 to 3600000
                        * (profiler/write/trace.h names its fields); 0: as LEAKPROF_TRACE says (1s),
                        * without it none; LEAKPROF_TRACE_OFF: none */
    /* Takes a snapshot by itself every so many ms, 100 to 3600000, or less often where that would
     * take more than a tenth of the time; 0: as LEAKPROF_SNAPSHOT_EVERY says (10s), without it
     * none; LEAKPROF_SNAPSHOT_OFF: none. They are served, so `listen` is due. */
    int64_t snapshot_every_ms;
    /* So many of these are kept, 7 to 200, ever further apart the older they are, or fewer where
     * they would have more than 256 MiB among them; 0: as LEAKPROF_SNAPSHOT_KEEP says, without it
     * 60. */
    int64_t snapshot_keep;
};

/* Starts the HTTP side. The options are copied. -EALREADY when it runs; -EADDRINUSE, -EINVAL for
 * an address that cannot be parsed, and other values that are not allowed; -EACCES as above;
 * -ENOSYS without Linux 5.9's close_range(), -EMFILE when RLIMIT_NOFILE leaves no room for a
 * server. */
int leakprof_start(const struct leakprof_options *options);

/* Stops the HTTP side and joins its thread; observation goes on. */
void leakprof_stop(void);

/* Where it listens, as "http://127.0.0.1:6060"; "" when it does not. Valid until leakprof_stop().
 */
const char *leakprof_url(void);

/* What the profiler sees of the program, and what it costs itself. Bytes unless a name says more.
 * Heap figures are estimates when sampled; *_error is their standard error (0 when exact). */
struct leakprof_stats {
    int64_t rate;
    int64_t heap_inuse_bytes, heap_inuse_objects;
    int64_t heap_alloc_bytes, heap_alloc_objects; /* since the start of the process */
    int64_t heap_inuse_bytes_error, heap_inuse_objects_error;
    int64_t heap_alloc_bytes_error, heap_alloc_objects_error;
    int64_t threads, fds, sockets; /* the program's, without the profiler's own */
    int64_t mappings;              /* made by mmap() and the like, without those inside libc */
    int64_t children, zombies;     /* processes forked; zombies are those to be waited for */

    int64_t own_table_bytes;    /* tables: mapped, outside malloc */
    int64_t own_unwinder_bytes; /* of these, the unwinder's caches; the rest is
                                   leakprof_each_table()'s */
    int64_t own_heap_bytes;     /* what the profiler's own threads hold of malloc's memory */
    int64_t own_threads, own_fds;
    int64_t
        own_hook_ns; /* nanoseconds that the program's threads spent recording allocations and
                      * frees since the start: an estimate from the few events that were timed */
    int64_t own_hook_events_timed; /* how many these were: of a hundred, the estimate is rough */
    int64_t live_samples, stacks, sites; /* counts; a site is a stack and a size */
    int64_t losses;                      /* everything that could not be recorded, all causes */
};
void leakprof_stats(struct leakprof_stats *stats);

/* Losses by cause: calls visit(cause, count, arg) for every cause, zero counts too. */
void leakprof_each_loss(void (*visit)(const char *cause, uint64_t count, void *arg), void *arg);

/* The profiler's own tables: calls visit(table, bytes, arg) for each, empty ones too. */
void leakprof_each_table(void (*visit)(const char *table, int64_t bytes, void *arg), void *arg);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif
#endif
