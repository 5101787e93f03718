/*
 * Was the code that a signal handler has interrupted in a call that only waits? Neither malloc()
 * nor the loader makes one, so such code is in neither. When in doubt, the answer is false.
 */
#ifndef LP_HOOKS_IN_WAIT_H
#define LP_HOOKS_IN_WAIT_H

#include <stdbool.h>
#include <ucontext.h>

/* Any context. Takes some microseconds. */
bool lp_in_wait(const ucontext_t *interrupted);

#endif
