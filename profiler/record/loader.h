/*
 * The profiler's threads inside the loader. A forked child does not get the loader's locks
 * released: if another thread holds one at a fork, the child waits for it forever. So the
 * profiler's threads mark when they enter the loader, and fork waits a moment until none is inside.
 *
 * If a thread of the program was in the middle of dlopen() or dlclose() at a fork, the list of
 * libraries stays half changed in the child. The next dlopen() there fails an assertion, which ends
 * the process. So nothing is loaded in such a child, nor in its children.
 */
#ifndef LP_RECORD_LOADER_H
#define LP_RECORD_LOADER_H

#include <stdbool.h>

/* Around dlopen() and similar calls on a thread of the profiler. */
void lp_loader_enter(void);
void lp_loader_leave(void);

/* Any thread; waits for nothing. false: a thread of ours is inside. */
bool lp_loader_try_enter(void);

/* The same on a thread of the program, which waits for LP_LOADER_PATIENCE_MS at most: our other
 * thread may wait for the loader's lock, and this one may hold that, in a library's constructor.
 * false: it is not entered. */
enum { LP_LOADER_PATIENCE_MS = 1000 };
bool lp_loader_enter_soon(void);

/* dlopen(), between enter and leave. NULL: it failed, or nothing may be loaded. */
void *lp_loader_open(const char *name, int flags);

/* May nothing be loaded, because of a thread that this process does not have? */
bool lp_loader_is_broken(void);

/* Around fork(); what the first returns goes to the second. `above_holder`: nothing is waited for.
 */
bool lp_loader_before_fork(bool above_holder);
void lp_loader_after_fork(bool held, bool child);

#endif
