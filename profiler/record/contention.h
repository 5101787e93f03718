/*
 * Which locks are waited for now, so that a thread that releases one learns how long others have
 * waited for it. Waiters are entered here by the lock's address. Unlockers look here only while
 * there is an entry (lp_contended).
 *
 * The time that others have waited since the last release is charged to the thread that releases
 * the lock. For those that still wait, time starts again from there. So every moment of every wait
 * is charged once, to the holder of the lock at that moment. If readers share the lock, it is
 * charged to the next one that releases it. A waiter that gives up leaves a debt, which is charged
 * too. The time from waking a waiter until it runs is not charged.
 *
 * If a lock is shared with other processes, its holder may be in another process. That release is
 * not seen here, and the debts of waiters that gave up are charged to the next holder in this
 * process.
 *
 * A thread waits here for some milliseconds at most (sys/hold.h). If the end of a wait cannot be
 * entered, all waits that are under way in that part of the table are dropped, so a charged time is
 * never too long. All of that is counted as a loss.
 *
 * Any thread, any context except a signal handler that interrupted one of these functions
 * (lp_self.busy tells).
 */
#ifndef LP_RECORD_CONTENTION_H
#define LP_RECORD_CONTENTION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* How many locks have waiters or debts. Every unlock reads it. */
extern _Atomic uint32_t lp_contended __attribute__((visibility("hidden")));

/* This thread begins to wait for the lock. Pass the result to lp_contention_end(). 0: the wait is
 * not entered (a loss). */
uint32_t lp_contention_begin(const void *lock, int64_t now_ns);

/* This thread has waited since began_ns, and got the lock or gave up. Call only if begin returned
 * other than 0. */
void lp_contention_end(const void *lock, uint32_t begun, int64_t began_ns, int64_t now_ns,
                       bool gave_up);

/* The lock is about to be released. Returns the ns that its holder is charged. 0: nobody waited. */
int64_t lp_contention_charge(const void *lock);

/* The lock was not released after all. The next thread to release it is charged these ns. */
void lp_contention_refund(const void *lock, int64_t ns);

/* Resets the table in a forked child, where no thread waits. */
void lp_contention_forget(void);

#endif
