/*
 * The functions that the program and its libraries register with pthread_atfork(), for a fork that
 * does not go through libc's fork() (hooks/fork.c). glibc has no call that runs them.
 */
#ifndef LP_HOOKS_ATFORK_H
#define LP_HOOKS_ATFORK_H

#include <stdbool.h>

/* All that are registered are known: there were not too many. */
bool lp_atfork_known(void);

/* In the order that pthread_atfork() promises: before the fork, the last registered comes first.
 * After it, the first. */
void lp_atfork_before(void);
void lp_atfork_after(bool child);

/* After a dlclose(): forgets those of objects that are no longer loaded. */
void lp_atfork_unloaded(void);

#endif
