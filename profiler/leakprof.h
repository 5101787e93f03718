/*
 * leakprof: a leak profiler that runs inside the program it watches.
 *
 * It observes malloc, threads, descriptors, mappings and child processes. A thread of its own
 * serves the profiles over HTTP, in the format of Go's /debug/pprof. Link libleakprof.a with
 * -Wl,--whole-archive and -rdynamic, or preload libleakprof.so. README.md beside this file shows
 * both.
 *
 * Recording begins with the first malloc of the process, at the rate of LEAKPROF_RATE.
 * leakprof_start() adds the HTTP server.
 *
 * Threads: any thread may call any function, but do not call start and stop at the same time.
 * Errors: int functions return 0 or a negative errno.
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
#define LEAKPROF_RATE_AUTO (-2)
#define LEAKPROF_RATE_DEFAULT LEAKPROF_RATE_AUTO
#define LEAKPROF_RATE_KEEP (-1)
#define LEAKPROF_TRACE_OFF (-1)
#define LEAKPROF_SNAPSHOT_OFF (-1)
#define LEAKPROF_CRASH_OFF (-1)
#define LEAKPROF_NOTE_MAX 512

/* Ranges and defaults of the variables that are named here: REFERENCE.md. */
struct leakprof_options {
    const char *listen;        /* "127.0.0.1:6060", "[::1]:0"; port 0 picks a free port.
                                * "unix:/run/leakprof/%p.sock": a Unix socket with mode 0600, %p is the
                                * process id. NULL: do not listen, only trace, so a trace interval is
                                * required */
    int64_t rate;              /* mean bytes between heap samples; 1: every block, 0: none,
                                * LEAKPROF_RATE_AUTO: as fine as the budget allows,
                                * LEAKPROF_RATE_KEEP: unchanged */
    const char *token;         /* what clients must present, as Bearer or as the password of Basic;
                                * NULL: nothing. Required to listen beyond loopback */
    const char *read_token;    /* a second token, whose clients may only read (GET and HEAD). NULL:
                                * none. Needs `token` */
    int64_t trace_ms;          /* between trace lines on standard error, 100 to 3600000; 0: as
                                * LEAKPROF_TRACE, LEAKPROF_TRACE_OFF: none */
    int64_t snapshot_every_ms; /* between automatic snapshots, 100 to 3600000, longer if they would
                                * take over a tenth of the time; 0: as LEAKPROF_SNAPSHOT_EVERY,
                                * LEAKPROF_SNAPSHOT_OFF: none. Ignored without `listen` */
    int64_t snapshot_keep; /* automatic snapshots to keep, 7 to 200, fewer if they would need over
                            * 256 MiB; 0: as LEAKPROF_SNAPSHOT_KEEP */
    int64_t crash; /* 1: if SIGSEGV, SIGBUS, SIGILL, SIGFPE or SIGABRT ends the program, write
                    * a line with the stack; 0: as LEAKPROF_CRASH, LEAKPROF_CRASH_OFF: no */
};

/* Starts the server and waits until it listens, at most 10 s. The options are copied. -EALREADY: it
 * is running. -EINVAL: an option is malformed or out of range. -EACCES: beyond loopback without a
 * token. -EADDRINUSE. -ENOSYS: close_range() and unshare() are refused. -EMFILE: RLIMIT_NOFILE is
 * too low. -ENOENT: libleakprof-reporter.so cannot be loaded. -ETIMEDOUT: not ready, but may become
 * ready.
 */
int leakprof_start(const struct leakprof_options *options);

/* Stops the server and joins its thread. Recording continues. */
void leakprof_stop(void);

/* The server's URL, "http://127.0.0.1:6060" or "unix:/run/leakprof/1234.sock". "" if it does not
 * listen. Valid until leakprof_stop(). */
const char *leakprof_url(void);

/* Enable the block and mutex profiles (0: off, the default). Waits of `ns` nanoseconds or more are
 * recorded, shorter ones with a probability in proportion to their length; 1 records every wait.
 * One in `n` contended unlocks is recorded. May be called before leakprof_start(). -EINVAL:
 * negative, or more than 1 << 40. */
int leakprof_set_block_rate(int64_t ns);
int leakprof_set_mutex_fraction(int64_t n);

/* Counts n units of the program's work: requests, messages, jobs. Growth is then shown per request
 * too, and a pause in the load is not mistaken for the end of a leak. Safe in signal handlers. */
void leakprof_count_requests(uint64_t n);

/* What the profiler knows about the program, and what it uses itself (own_). Bytes, unless the name
 * or a comment says otherwise. Heap figures are estimates unless the rate is 1. *_error is their
 * standard error. */
struct leakprof_stats {
    int64_t rate;
    int64_t rate_auto; /* 1: the rate follows its cost (LEAKPROF_RATE_AUTO) */
    int64_t heap_inuse_bytes, heap_inuse_objects;
    int64_t heap_alloc_bytes, heap_alloc_objects; /* since the process started */
    int64_t heap_inuse_bytes_error, heap_inuse_objects_error;
    int64_t heap_alloc_bytes_error, heap_alloc_objects_error;
    int64_t threads, fds, sockets; /* counts; -1: not known now, a file could not be read */
    int64_t mappings;              /* made by mmap() and similar calls, without libc's own */
    int64_t children, zombies;     /* child processes; those that have not been waited for */

    int64_t own_table_bytes;    /* tables, outside malloc */
    int64_t own_unwinder_bytes; /* libunwind's caches (included above) */
    int64_t own_heap_bytes;     /* on the malloc heap */
    int64_t own_threads, own_fds;
    int64_t own_hook_ns; /* time that the program's threads spent recording: an estimate */
    int64_t own_hook_events_timed;       /* events behind the estimate; rough below 100 */
    int64_t live_samples, stacks, sites; /* counts; a site is a stack and a size */
    int64_t losses;                      /* events that could not be recorded, all causes */

    /* Of libc's malloc: obtained from the kernel, and free. -1: the program has another one. */
    int64_t malloc_arena_bytes, malloc_free_bytes;

    /* Why the heap figures are 0: no allocation has passed the hooks. "": they are known. */
    char heap_note[LEAKPROF_NOTE_MAX];
};
/* If the reporter cannot be loaded (preloaded programs), only rate, losses and heap_note are set.
 */
void leakprof_stats(struct leakprof_stats *stats);

/* Calls visit() for every cause of a loss, including those with count 0. */
void leakprof_each_loss(void (*visit)(const char *cause, uint64_t count, void *arg), void *arg);

/* Calls visit() for every table of the profiler, including empty ones. */
void leakprof_each_table(void (*visit)(const char *table, int64_t bytes, void *arg), void *arg);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif
#endif
