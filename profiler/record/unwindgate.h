/*
 * Counts the threads inside libunwind. libunwind has locks. If another thread holds one at a fork,
 * it is held forever in the child. So fork() waits until no thread is inside, for
 * LP_UNWIND_PATIENCE_MS at most, and no thread may enter until the fork is over. If another thread
 * stays inside all that time, the child takes no stacks with libunwind. Any thread, any context.
 */
#ifndef LP_RECORD_UNWINDGATE_H
#define LP_RECORD_UNWINDGATE_H

#include <stdbool.h>

enum { LP_UNWIND_PATIENCE_MS = 200 };

/* Around calls of libunwind. A thread does not enter twice. false: it must not enter (counted as a
 * loss). */
bool lp_unwind_enter(void);
void lp_unwind_leave(void);

/* Is any thread inside? */
bool lp_unwind_occupied(void);

/* Is this process a forked child? A thread that ends releases its trace cache under a lock of
 * libunwind's, and fork cannot wait for that lock. So children take stacks by stepping, as new
 * threads do. */
bool lp_unwind_in_child(void);

#endif
