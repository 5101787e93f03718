/*
 * Asking threads what they are doing: where their stacks are, and which system call they wait in.
 *
 * Each thread is asked by a queued real-time signal and answers into a slot of its own. A few are
 * asked at a time, and none waits for another: a handler takes no lock and does not wait, so one
 * that answers late holds nobody up. One that does not answer in time is said to be silent.
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
    uint32_t stack; /* record/stacks.h; LP_STACK_SILENT: nothing below is known */
    char name[16];
    long call;         /* the system call that the signal broke off; or one of those above */
    uintptr_t args[6]; /* of the call */
    long switches;     /* how often it had gone to sleep in its life when it was asked, */
    long switches_now; /* and when it had answered; once more to go on with its call */
};

/* Asks them all; calls soon(i) before the i-th is asked, and visit(i, answer) once it has answered,
 * not always in their order. 0; -EBUSY: the program handles every real-time signal. */
int lp_interrupt_each(const pid_t *tids, size_t n, void (*soon)(size_t i, void *arg),
                      void (*visit)(size_t i, const struct lp_interrupted *answer, void *arg),
                      void *arg);

#endif
