/*
 * What the threads of the process are doing: their stacks (inspect/interrupt.h), what they wait
 * for, and since when. A thread that has not run since the last walk is not interrupted again
 * (inspect/rest.h). A name that another thread has given it since is seen after it has run. A
 * silent thread is reported with what the kernel knows about it. Profiler's thread only.
 */
#ifndef LP_INSPECT_THREADS_H
#define LP_INSPECT_THREADS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct lp_thread_seen {
    pid_t tid;
    uint32_t stack; /* record/stacks.h */
    char name[16];
    char state[96]; /* "sleeping, in futex 0x55d0c0de (mutex held by thread 4711)" */
    /* ns since it last ran, other than for our signal, by the scheduler's clock (inspect/task.h),
     * which leaves out interrupts. -1: not known, or it is running. If thousands of threads are
     * new, it is not known for some of them. The next look has it, counted from this one. */
    int64_t state_ns;
};

/* Calls visit for each that still exists. Returns 0 or a negative errno, like lp_interrupt_each().
 */
int lp_threads_walk(const pid_t *tids, size_t n,
                    void (*visit)(const struct lp_thread_seen *thread, void *arg), void *arg);

/* false: walks send no signal until it is called again. The threads have no stack then
 * (LP_STACK_NONE), and only what the kernel reports is known. */
void lp_threads_stacks(bool read);

#endif
