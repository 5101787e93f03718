/*
 * Which threads have not run since the last look. They need no signal: they still wait where they
 * were seen. A thread that has not run has used no CPU time, and its CPU clock counts in
 * nanoseconds.
 *
 * A signal makes a thread run. So its clock is read after it has gone back to the wait that the
 * signal interrupted. Profiler's thread only.
 */
#ifndef LP_INSPECT_REST_H
#define LP_INSPECT_REST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "inspect/interrupt.h"

/* Are the CPU clocks exact enough here? */
bool lp_rest_known(void);

/* The thread's CPU time in ns, if it is back in the wait that it answered from. 0: it is not. Fills
 * in which call it waits in, if that was not known. */
int64_t lp_rest_begins(struct lp_interrupted *answer);

/* Has it used no CPU time since? */
bool lp_rest_lasts(pid_t tid, int64_t cpu_ns);

#endif
