/*
 * Which threads wait for each other in a circle.
 *
 * A thread waits for one mutex at a time, and a mutex has one holder. So each thread waits for at
 * most one other, and a deadlock is a circle of such steps: thread 11 waits for 12, 12 for 13, and
 * 13 for 11. A thread that waits for a mutex that it holds itself is a circle of one. Threads
 * outside that wait for a member, directly or through others, are behind it.
 *
 * Arithmetic only, without state.
 */
#ifndef LP_INSPECT_DEADLOCK_H
#define LP_INSPECT_DEADLOCK_H

#include <stddef.h>
#include <stdint.h>

enum lp_deadlock { LP_DEADLOCK_NO, LP_DEADLOCK_MEMBER, LP_DEADLOCK_BEHIND };

/* next[i] is the thread that thread i waits for, or n: none. Fills in found[i], an enum
 * lp_deadlock. */
void lp_deadlock_find(const size_t *next, size_t n, uint8_t *found);

#endif
