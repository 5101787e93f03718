/*
 * What the kernel tells about one thread of this process, in /proc/self/task. Profiler's thread
 * only.
 */
#ifndef LP_INSPECT_TASK_H
#define LP_INSPECT_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The beginning of one of its files, as a string. Its length, or negative errno. */
ssize_t lp_task_read(pid_t tid, const char *file, char *text, size_t capacity);

/* Does it block this signal? */
bool lp_task_blocks(pid_t tid, int signal);

/* Can it take no signal: in uninterruptible sleep, stopped, traced, or gone? */
bool lp_task_stuck(pid_t tid);

/* Has it begun to exit, or gone? It runs no more code of the program then, and has given back its
 * descriptors and its memory, or is about to. The first thread stays like that as a zombie until
 * the last one ends. */
bool lp_task_ended(pid_t tid);

/* How long ago it began, in ns; -1: it has gone. */
int64_t lp_task_age(pid_t tid);

/* How long ago it ran last, in ns, by the scheduler's clock of the processor that it ran on. That
 * clock stands still while interrupts are served, so the true time is a little longer. -1: this
 * kernel does not tell. Call lp_task_clocks() first. It reads the clocks, by having this thread run
 * on each processor that it may run on. */
void lp_task_clocks(void);
int64_t lp_task_rest(pid_t tid);

#endif
