/*
 * What the kernel reports about one thread of this process, in /proc/self/task. Profiler's thread
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

/* Does it wait for this signal, as sigwait() does? Then it would receive it, and no handler would.
 */
bool lp_task_awaits(pid_t tid, int signal);

/* The system call that it waits in, from the kernel. false: it is not waiting in one, or the kernel
 * does not say. */
struct lp_task_wait {
    long call;
    uintptr_t args[6], sp, next; /* next: the instruction after the call */
};
bool lp_task_wait(pid_t tid, struct lp_task_wait *wait);

/* How often it has gone to sleep. -1: not known. */
long lp_task_switches(pid_t tid);

/* Can it take no signal: in uninterruptible sleep, stopped, traced, or gone? */
bool lp_task_stuck(pid_t tid);

/* Has it begun to exit, or is it gone? Then it runs no more code of the program, and has released
 * its descriptors and its memory, or is about to. The first thread stays in that state as a zombie
 * until the last one ends. */
bool lp_task_ended(pid_t tid);

/* How long ago it began, in ns. -1: it is gone. */
int64_t lp_task_age(pid_t tid);

/* How long ago it last ran, in ns, by the scheduler's clock of the processor that it ran on. That
 * clock stops during interrupts, so the true time is a little longer. -1: this kernel does not
 * report it. Call lp_task_clocks() first. It reads the clocks by running this thread on each
 * processor that it may run on. */
void lp_task_clocks(void);
int64_t lp_task_rest(pid_t tid);

#endif
