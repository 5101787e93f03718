/*
 * The profiler's threads inside the loader. A forked child does not get the loader's locks
 * released: if another thread holds one at a fork, the child waits for it forever. So the
 * profiler's threads mark when they enter the loader, and fork waits a moment until none is inside.
 */
#ifndef LP_RECORD_LOADER_H
#define LP_RECORD_LOADER_H

#include <stdbool.h>

/* Around dlopen() and similar calls on a thread of the profiler. */
void lp_loader_enter(void);
void lp_loader_leave(void);

/* Around fork(). Pass the result of the first to the second. `above_holder`: do not wait. */
bool lp_loader_before_fork(bool above_holder);
void lp_loader_after_fork(bool held, bool child);

#endif
