/*
 * The profiler's threads inside the loader. glibc does not give a forked child the loader's locks:
 * if another thread holds one at a fork, the child waits for ever. So our threads say when they
 * enter the loader, and fork waits a moment until none is there.
 */
#ifndef LP_RECORD_LOADER_H
#define LP_RECORD_LOADER_H

#include <stdbool.h>

/* Around dlopen() and the like, on a thread of the profiler's. */
void lp_loader_enter(void);
void lp_loader_leave(void);

/* The same on a thread of the program, which waits for LP_LOADER_PATIENCE_MS at most: our other
 * thread may wait for the loader's lock, and this one may hold that, in a library's constructor.
 * false: it is not entered. */
enum { LP_LOADER_PATIENCE_MS = 1000 };
bool lp_loader_enter_soon(void);

/* Around fork(); what the first returns goes to the second. `above_holder`: nothing is waited for.
 */
bool lp_loader_before_fork(bool above_holder);
void lp_loader_after_fork(bool held, bool child);

#endif
