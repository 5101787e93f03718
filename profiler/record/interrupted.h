/*
 * What the profiler's own signals do to the program's waits.
 *
 * The kernel ends some waits with EINTR after any signal handler has run (signal(7) has the list).
 * The profiler's handlers note such an interruption here, and the hooks of those calls
 * (hooks/again.h) repeat them. An interruption is not noted if the program's handlers have run or
 * are about to run: then the EINTR is the program's.
 *
 * Waits that do not pass the hooks, like bare system calls, return EINTR. Any thread, any context,
 * except where a function says otherwise.
 */
#ifndef LP_RECORD_INTERRUPTED_H
#define LP_RECORD_INTERRUPTED_H

#include <stdbool.h>
#include <stdint.h>

/* The stack pointer at the last noted interruption in this thread. 0: none. */
extern __thread uintptr_t lp_interrupted_at __attribute__((visibility("hidden")));

/* The last action of a handler of ours. Notes what it has interrupted. Handlers run with all
 * signals blocked. */
void lp_interrupted(const void *ucontext);

/* The signals that the profiler handles now. Bit n - 1 is signal n. */
extern _Atomic uint64_t lp_own_signals __attribute__((visibility("hidden")));
void lp_own_signal_begin(int signal);
void lp_own_signal_end(int signal);

/* A signal that is pending at exec would end the new program. So none is sent while a thread calls
 * exec. Begin waits until a signal that is being sent has arrived, for LP_EXEC_WAIT_MS at most. End
 * is for an exec that has failed. Any thread of the program. */
enum { LP_EXEC_WAIT_MS = 1000 };
void lp_exec_begin(void);
void lp_exec_end(void);
void lp_exec_forked(void); /* in a forked child, whose other threads call nothing */

/* Around sending a signal. false: not now. The profiler's threads. */
bool lp_sending_begin(void);
void lp_sending_end(void);

#endif
