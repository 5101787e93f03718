/*
 * Which locks are waited for now, so that whoever lets go of one learns how long others waited for
 * it: those who wait say so here, by the lock's address, and those who unlock look here, but only
 * while there is anything (lp_contended).
 *
 * What has been waited since somebody last let go is due to the holder. When he lets go it is
 * charged to him, and the time of those who wait on begins anew for the next one. So every moment
 * of every wait is charged once, to who held the lock then; of a lock that readers share, to who
 * let go first after it. Those who gave up waiting leave a debt, which is charged too. What a woken
 * waiter takes to come is charged to nobody.
 *
 * The holder of a lock that is shared with other processes may be one of theirs; nobody here sees
 * him let go, and what waiters that gave up left behind falls upon the next of ours.
 *
 * Any thread, any context but a signal handler above one of these functions (lp_self.busy says so).
 */
#ifndef LP_RECORD_CONTENTION_H
#define LP_RECORD_CONTENTION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* How many locks have waiters or debts. Read by every unlock. */
extern _Atomic uint32_t lp_contended __attribute__((visibility("hidden")));

/* This thread begins to wait for the lock. false: there is no place for one more lock (a loss). */
bool lp_contention_begin(const void *lock, int64_t now_ns);

/* It has waited since began_ns, and got the lock or gave up. After a begin that was true. */
void lp_contention_end(const void *lock, int64_t began_ns, int64_t now_ns, bool gave_up);

/* The lock is about to be let go of: what its holder is charged, in ns. 0: nobody waited. */
int64_t lp_contention_charge(const void *lock);

/* It was not let go of after all: the next one is charged that. */
void lp_contention_refund(const void *lock, int64_t ns);

/* In a forked child, in which nobody waits: whoever did is not there. */
void lp_contention_forget(void);

#endif
