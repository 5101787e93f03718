/*
 * Holding a table's lock (sys/lock.h), with fork and signal handlers in mind.
 *
 * The forking thread holds all the tables' locks while glibc takes its own, and another thread may
 * hold one of those, in a stream's write function say, and want one of ours. So a thread waits for
 * a fork, as it does for glibc's own malloc, but not for ever, and only once for each: after that,
 * what cannot be noted while the fork lasts is a loss. And a signal handler that forks may stand
 * above a frame that holds one: that lock is left to the frame, in the child as well.
 */
#ifndef LP_SYS_HOLD_H
#define LP_SYS_HOLD_H

#include "sys/lock.h"

/* Takes the lock; `below` goes to lp_release(). false: not now, for it would have to wait and only
 * tries, or has waited for a fork. */
bool lp_hold(struct lp_lock *lock, bool try, struct lp_lock **below);
void lp_release(struct lp_lock *lock, struct lp_lock *below);

/* Around fork(). In between each table takes its locks by lp_hold_for_fork(), and unlocks those
 * that it got; false: a frame below holds it. */
void lp_hold_begin_fork(void);
bool lp_hold_for_fork(struct lp_lock *lock);
void lp_hold_end_fork(bool child);

#endif
