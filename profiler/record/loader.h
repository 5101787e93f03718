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

/* Around fork(); what the first returns goes to the second. `above_holder`: nothing is waited for.
 */
bool lp_loader_before_fork(bool above_holder);
void lp_loader_after_fork(bool held, bool child);

#endif
