/* The profiler's HTTP server, the trace and the periodic snapshots, in one event loop. */
#ifndef LP_SERVE_SERVER_H
#define LP_SERVE_SERVER_H

#include <stdbool.h>
#include <sys/types.h>

#include "leakprof.h"

/* Runs it on the calling thread, one of the profiler's, until lp_server_stop(). Calls ready() when
 * it listens or has failed, and again if the URL changes. `error` is an error of leakprof_start().
 * Without `listen`, nothing is served and url is "". again: it has run before, and goes on with the
 * snapshots and the schedule that it had. */
void lp_server_run(const struct leakprof_options *options, bool again,
                   void (*ready)(int error, const char *url, void *arg), void *arg);

/* Stops the running server. Any thread. */
void lp_server_stop(void);

/* Gives the address to that process, and is served at another one until it has ended. false: no
 * other address can be opened. Profiler's thread only. */
bool lp_server_hand_over(pid_t to);

/* Ends the server without its event loop, which cannot go on. Profiler's thread only. */
_Noreturn void lp_server_abandon(void);

/* In a forked child: drops the parent's loop without touching it. */
void lp_server_forked(void);

#endif
