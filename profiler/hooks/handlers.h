/*
 * Is the calling thread in a signal handler, and what did that interrupt? A handler may have
 * interrupted malloc() or the loader, and then no thread can be made, and nothing can be allocated.
 * If it interrupted a call that only waits, that is possible: some servers fork in handlers
 * (PostgreSQL 15), and their children never return from them.
 */
#ifndef LP_HOOKS_HANDLERS_H
#define LP_HOOKS_HANDLERS_H

#include <stdbool.h>

/* true: the thread is in no handler, or each one interrupted a wait. When in doubt, false. It takes
 * some microseconds. */
bool lp_handlers_safe(void);

/* true: nor has a handler interrupted a function of libc, except one that waits. So no lock of libc
 * is held by interrupted code. */
bool lp_handlers_outside_libc(void);

#endif
