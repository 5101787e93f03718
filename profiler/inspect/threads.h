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

#include "inspect/deadlock.h"

struct lp_thread_seen {
    pid_t tid;
    uint32_t stack; /* record/stacks.h */
    char name[16];
    char state[96]; /* "sleeping, in futex 0x55d0c0de (mutex held by thread 4711)" */
    pid_t holder;   /* of the mutex that it waits for; 0: none, or not known */
    /* Together with others, all of which had not run since their wait began when the last of their
     * mutexes was looked at. Only an end of its time, if it has one, can end such a wait. */
    enum lp_deadlock deadlock;
    /* ns since it last ran, other than for our signal, by the scheduler's clock (inspect/task.h),
     * which leaves out interrupts. -1: not known, or it is running. If thousands of threads are
     * new, it is not known for some of them. The next look has it, counted from this one. */
    int64_t state_ns;
};

/* Calls visit for each that still exists, in the order of their numbers. tids is in that order.
 * Returns 0 or a negative errno, like lp_interrupt_each().
 */
int lp_threads_walk(const pid_t *tids, size_t n,
                    void (*visit)(const struct lp_thread_seen *thread, void *arg), void *arg);

/* false: walks send no signal until it is called again. The threads have no stack then
 * (LP_STACK_NONE), and only what the kernel reports is known. */
void lp_threads_stacks(bool read);

#endif
