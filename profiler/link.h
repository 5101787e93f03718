/*
 * The interface between the two parts of the profiler.
 *
 * The recorder (sys/, record/, hooks/ and the files of this directory) is in every process. The
 * reporter (inspect/ and the rooms above it) is loaded when something is to be served or written.
 * Two files of sys/ are in the reporter only, because the recorder does not use them. Linked
 * programs have both in one archive. The preloaded library has the recorder alone, which depends on
 * libc only. It finds the reporter in its own directory, as libleakprof-reporter.so.
 *
 * The reporter calls functions of the recorder. The recorder does not export them. It passes their
 * addresses in a table, and reporter_stubs.c defines each name again. The list below is that table.
 * A call that is missing in it is an error when the reporter is linked.
 *
 * The recorder calls the reporter through struct lp_reporter.
 */
#ifndef LP_LINK_H
#define LP_LINK_H

#include <stdbool.h>

#include "leakprof.h"

#define LP_RECORDER_CALLS(X)                                                                       \
    X(lp_allocator_hook)                                                                           \
    X(lp_allocator_name)                                                                           \
    X(lp_allocator_why)                                                                            \
    X(lp_began_ns)                                                                                 \
    X(lp_blocks_each)                                                                              \
    X(lp_blocks_live)                                                                              \
    X(lp_clock_ns)                                                                                 \
    X(lp_config)                                                                                   \
    X(lp_cpu_begin)                                                                                \
    X(lp_cpu_each)                                                                                 \
    X(lp_cpu_end)                                                                                  \
    X(lp_cpu_look)                                                                                 \
    X(lp_crash_snapshot)                                                                           \
    X(lp_delays_limit)                                                                             \
    X(lp_delays_read)                                                                              \
    X(lp_fd_get)                                                                                   \
    X(lp_find_object)                                                                              \
    X(lp_find_object_refresh)                                                                      \
    X(lp_file_lines)                                                                               \
    X(lp_file_read)                                                                                \
    X(lp_hooktime_read)                                                                            \
    X(lp_interrupted)                                                                              \
    X(lp_loaded_check)                                                                             \
    X(lp_loaded_count)                                                                             \
    X(lp_loaded_get)                                                                               \
    X(lp_loaded_note)                                                                              \
    X(lp_loader_enter)                                                                             \
    X(lp_loader_leave)                                                                             \
    X(lp_loader_open)                                                                              \
    X(lp_loss)                                                                                     \
    X(lp_loss_name)                                                                                \
    X(lp_losses)                                                                                   \
    X(lp_losses_total)                                                                             \
    X(lp_maps_copy)                                                                                \
    X(lp_maps_live)                                                                                \
    X(lp_now_ns)                                                                                   \
    X(lp_now_ticks)                                                                                \
    X(lp_own_apart)                                                                                \
    X(lp_own_no_memory)                                                                            \
    X(lp_own_refuse)                                                                               \
    X(lp_own_refuse_file)                                                                          \
    X(lp_own_refused)                                                                              \
    X(lp_own_bytes)                                                                                \
    X(lp_own_each)                                                                                 \
    X(lp_own_enter)                                                                                \
    X(lp_own_heap)                                                                                 \
    X(lp_own_heap_here)                                                                            \
    X(lp_own_heap_peak)                                                                            \
    X(lp_own_helper_enter)                                                                         \
    X(lp_own_leave)                                                                                \
    X(lp_own_map)                                                                                  \
    X(lp_own_name)                                                                                 \
    X(lp_own_signal_begin)                                                                         \
    X(lp_own_signal_end)                                                                           \
    X(lp_own_stderr)                                                                               \
    X(lp_own_thread)                                                                               \
    X(lp_own_thread_at)                                                                            \
    X(lp_own_thread_is)                                                                            \
    X(lp_own_thread_leave)                                                                         \
    X(lp_own_thread_shares)                                                                        \
    X(lp_own_threads)                                                                              \
    X(lp_own_unmap)                                                                                \
    X(lp_parse_number)                                                                             \
    X(lp_parse_period)                                                                             \
    X(lp_parse_rate)                                                                               \
    X(lp_peek)                                                                                     \
    X(lp_peek_begin)                                                                               \
    X(lp_peek_end)                                                                                 \
    X(lp_procs_copy)                                                                               \
    X(lp_procs_cut)                                                                                \
    X(lp_autorate_leave)                                                                           \
    X(lp_autorate_look)                                                                            \
    X(lp_autorate_read)                                                                            \
    X(lp_rate)                                                                                     \
    X(lp_rate_automatic)                                                                           \
    X(lp_rate_set)                                                                                 \
    X(lp_rates_read)                                                                               \
    X(lp_requests)                                                                                 \
    X(lp_sending_begin)                                                                            \
    X(lp_sending_end)                                                                              \
    X(lp_served_drop)                                                                              \
    X(lp_served_announces)                                                                         \
    X(lp_served_line)                                                                              \
    X(lp_served_follows)                                                                           \
    X(lp_served_forked)                                                                            \
    X(lp_served_get)                                                                               \
    X(lp_served_put)                                                                               \
    X(lp_site_count)                                                                               \
    X(lp_site_read)                                                                                \
    X(lp_stack_count)                                                                              \
    X(lp_stack_get)                                                                                \
    X(lp_stack_intern)                                                                             \
    X(lp_stack_interrupted)                                                                        \
    X(lp_stack_special)                                                                            \
    X(lp_sys_valgrind)                                                                             \
    X(lp_threads_copy)                                                                             \
    X(lp_threads_rows)                                                                             \
    X(lp_threads_unjoined)                                                                         \
    X(lp_unwind_caches)                                                                            \
    X(lp_unwind_forget)                                                                            \
    X(lp_waits_history)                                                                            \
    X(lp_waits_rate)                                                                               \
    X(lp_waits_rate_set)

struct lp_reporter {
    /* Runs the server on the calling thread, which is one of the profiler's, until stop(). Calls
     * ready() when it listens or has failed, and again if the URL changes. `error` is 0 or a
     * negative errno. `url` is "" if nothing is served. The options must remain valid until then.
     * again: it has run before, and goes on with the snapshots and the schedule that it had. */
    void (*run)(const struct leakprof_options *options, bool again,
                void (*ready)(int error, const char *url, void *arg), void *arg);
    void (*stop)(void); /* makes run() return; any thread */
    void (*forked)(
        void); /* in a forked child, before run(): forgets what the parent's thread had */
    void (*stats)(struct leakprof_stats *stats);
};

/* Returns the reporter and loads it if necessary. Loading takes the loader's lock and allocates.
 * NULL: it cannot be loaded; *why is a static text with the cause. */
const struct lp_reporter *lp_reporter(const char **why);

/* Returns the reporter if it is loaded, otherwise NULL. Any context. */
const struct lp_reporter *lp_reporter_loaded(void);

/* The type of "lp_reporter_entry", which the reporter's shared object exports. `names` are the
 * names of the list, one after the other. If they differ from the reporter's own, the two libraries
 * are from different builds, and NULL is returned. */
typedef const struct lp_reporter *lp_reporter_entry_function(const void *const *calls,
                                                             const char *names);

/* The addresses of the recorder's functions, in the order of the list. */
extern const void *const lp_recorder_call_table[] __attribute__((visibility("hidden")));

#define LP_RECORDER_CALL_NAME(call) #call " "
#define LP_RECORDER_CALL_NAMES LP_RECORDER_CALLS(LP_RECORDER_CALL_NAME)

/* What lp_reporter() returns in a program that has both parts. */
extern const struct lp_reporter lp_reporter_functions __attribute__((visibility("hidden")));

#endif
