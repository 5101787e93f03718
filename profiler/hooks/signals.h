/* Inside this room: the profiler's signals are not to be received by the program. */
#ifndef LP_HOOKS_SIGNALS_H
#define LP_HOOKS_SIGNALS_H

#include <signal.h>

/* Returns the signals to wait for: `set`, or, if it holds a signal of the profiler's that the
 * program did not choose itself, a copy without it. */
const sigset_t *lp_without_ours(const sigset_t *set, sigset_t *copy);

#endif
