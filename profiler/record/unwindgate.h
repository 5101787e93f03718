/*
 * Who is inside libunwind. It has locks, and a forked child would find those held for ever that
 * belong to threads which it does not have. So fork() waits until nobody is inside, for
 * LP_UNWIND_PATIENCE_MS at most, and keeps everybody out until it is done. If another thread stays
 * inside all the while, the child takes no stacks by libunwind. Any thread, any context.
 */
#ifndef LP_RECORD_UNWINDGATE_H
#define LP_RECORD_UNWINDGATE_H

#include <stdbool.h>

enum { LP_UNWIND_PATIENCE_MS = 200 };

/* Around calls of libunwind, in one thread one at a time. false: keep out, which is counted as a
 * loss. */
bool lp_unwind_enter(void);
void lp_unwind_leave(void);

/* Is any thread inside? */
bool lp_unwind_occupied(void);

/* Is this process a forked child? A thread that ends gives its trace cache back under a lock of
 * libunwind's, and nobody can wait for that one: children step, as new threads do. */
bool lp_unwind_in_child(void);

#endif
