/*
 * Which locks are waited for now, so that a thread that releases one learns how long others have
 * waited for it. Waiters are entered here by the lock's address. Unlockers look here, but only
 * while there is anything (lp_contended).
 *
 * The time that was waited since the last release is charged to the thread that releases the lock;
 * for those who still wait, time starts again from there. So every moment of every wait is charged
 * once, to the holder of the lock at that moment; for a lock that readers share, to the next one to
 * release it. A waiter that gives up leaves a debt, which is charged, too. The time that a waiter
 * takes to run after it was woken is charged to nobody.
 *
 * If a lock is shared with other processes, its holder may be one of theirs. That release is not
 * seen here, and what waiters who gave up left behind is charged to the next of ours.
 *
 * A thread waits here for some milliseconds at most (sys/hold.h). If the end of a wait cannot be
 * entered, all waits that are under way in that part of the table are forgotten: a time that is
 * charged is never too long. All of that is counted as a loss.
 *
 * Any thread, any context except a signal handler that interrupted one of these functions
 * (lp_self.busy tells).
 */
#ifndef LP_RECORD_CONTENTION_H
#define LP_RECORD_CONTENTION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* How many locks have waiters or debts. Read by every unlock. */
extern _Atomic uint32_t lp_contended __attribute__((visibility("hidden")));

/* This thread begins to wait for the lock. Returns what lp_contention_end() needs; 0: the wait is
 * not entered (a loss). */
uint32_t lp_contention_begin(const void *lock, int64_t now_ns);

/* It has waited since began_ns, and got the lock or gave up. After a begin that was not 0. */
void lp_contention_end(const void *lock, uint32_t begun, int64_t began_ns, int64_t now_ns,
                       bool gave_up);

/* The lock is about to be released: what its holder is charged, in ns. 0: nobody waited. */
int64_t lp_contention_charge(const void *lock);

/* It was not released: the next one to release it is charged that. */
void lp_contention_refund(const void *lock, int64_t ns);

/* In a forked child, where nobody waits. */
void lp_contention_forget(void);

#endif
