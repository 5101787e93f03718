/*
 * What the threads of the process are doing: their stacks (inspect/interrupt.h), what they wait
 * for, and since when. A silent one is reported with what the kernel tells about it. Profiler's
 * thread only.
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
     * which leaves out interrupts. -1: not known, or it runs. Of thousands of threads that are seen
     * for the first time, some are not known. At the next look they are, from this one on. */
    int64_t state_ns;
};

/* Calls visit for each that is still there. 0 or negative errno, as lp_interrupt_each(). */
int lp_threads_walk(const pid_t *tids, size_t n,
                    void (*visit)(const struct lp_thread_seen *thread, void *arg), void *arg);

#endif
