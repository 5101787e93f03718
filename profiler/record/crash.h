/*
 * One line on standard error when a signal ends the program: the signal, the stack, and the number
 * of the last snapshot.
 *
 * It is an option, because it needs handlers: for SIGSEGV, SIGBUS, SIGILL, SIGFPE and SIGABRT. A
 * handler of ours stands only where the program has the default action, so it runs exactly when the
 * signal ends the process. A handler of the program's replaces it. The program is shown SIG_DFL in
 * its place (hooks/sigactions.c). A program that looks without libc sees the handler.
 *
 * After the line, the default action is restored. The faulting instruction is executed again, or
 * the signal is sent again with the same siginfo. So the core dump is the one that the program
 * would have left.
 *
 * There is no line if the signal is blocked, as in the profiler's own threads, or if the stack has
 * no space for the frame of a handler: the kernel then ends the process itself.
 */
#ifndef LP_RECORD_CRASH_H
#define LP_RECORD_CRASH_H

#include <signal.h>
#include <stdbool.h>

/* Notes which file standard error is. Lines are written to that file only, because the program may
 * close 2 and open another file under this number. A thread of the program, before begin. */
void lp_crash_prepare(void);

/* Installs the handlers, and removes them. A handler that the program has is left alone. */
void lp_crash_begin(void);
void lp_crash_end(void);

/* The program sets the default action for this signal. Returns the action to install in its place.
 * NULL: none. Any context. */
const struct sigaction *lp_crash_in_place_of_default(int signal);

/* Is this our handler? Then the program is to see SIG_DFL. */
bool lp_crash_is_ours(const struct sigaction *action);

/* Installs the handler for this signal, if lp_crash_begin() was called and the action is SIG_DFL
 * now. */
void lp_crash_stand_in(int signal);

/* Notes the number of the last snapshot. */
void lp_crash_snapshot(int id);

#endif
