/*
 * The stacks of other threads, and the system calls that they wait in.
 *
 * A queued real-time signal is sent to each thread. Its handler writes into a slot for that thread.
 * A few threads handle it at one time. The handler takes no lock and does not wait, so a slow
 * thread delays no other. A thread that does not handle the signal in time is reported as silent.
 * Profiler's thread only.
 */
#ifndef LP_INSPECT_INTERRUPT_H
#define LP_INSPECT_INTERRUPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { LP_CALL_NONE = -1, LP_CALL_UNKNOWN = -2 };

struct lp_interrupted {
    pid_t tid;
    uint32_t stack; /* record/stacks.h. LP_STACK_SILENT: the fields below are not known */
    char name[16];
    long call;          /* the system call that was interrupted, or one of the above */
    uintptr_t args[6];  /* its arguments */
    uintptr_t sp, next; /* where it waits: its stack pointer, the instruction after the call */
    long switches;      /* number of its sleeps when the handler began, */
    long switches_now;  /* and when it ended. One more follows when the thread resumes its call */
};

/* Interrupts all of them. Calls soon(i) before the i-th gets its signal, and visit(i, answer) when
 * its answer is complete or was given up, in order. 0; -EBUSY: the program handles every real-time
 * signal. */
int lp_interrupt_each(const pid_t *tids, size_t n, void (*soon)(size_t i, void *arg),
                      void (*visit)(size_t i, const struct lp_interrupted *answer, void *arg),
                      void *arg);

#endif
