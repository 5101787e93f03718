/*
 * The program's threads, by the stack that created them: those that run, and those that have ended
 * and were not joined. What really runs is the kernel's to say (profile/threadcreate.c asks
 * /proc/self/task); a thread that nobody joined is known here alone, for the kernel has forgotten
 * it.
 *
 * A row is made by the creator before there is a thread, and freed when the thread is joined, or
 * when it has ended, is detached and the kernel has let it go. Rows are used again: a ticket is
 * good for one use only, and what is said of one that has gone by is not heard.
 *
 * One lock, held for some tens of instructions; what cannot be noted because of a fork is a loss.
 * Any thread.
 */
#ifndef LP_RECORD_THREADS_H
#define LP_RECORD_THREADS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct lp_thread_ticket {
    uint32_t row; /* 1 up; 0: none */
    uint32_t use; /* which of the row's uses */
};

/* What the creator asked for. */
struct lp_thread_order {
    void *run; /* a function, of pthread's kind or of C11's */
    void *arg;
    pthread_t *handle; /* where the creator wants it */
    bool detached;
};

struct lp_thread {
    struct lp_thread_ticket ticket;
    uint32_t stack; /* that created it */
    pid_t tid;      /* 0: it has not begun yet */
    bool detached;
    int64_t birth; /* as lp_now_ns() */
    int64_t end;   /* 0: it has not said that it ends */
};

/* Before there is a thread. Row 0: there is no place for it, a loss. */
struct lp_thread_ticket lp_thread_new(const struct lp_thread_order *order, uint32_t stack,
                                      int64_t now);

/* Where pthread_create() is to write the handle. Not where the creator wants it: we have to know it
 * before anybody can join the thread, and may not read it there, for the thread may have freed that
 * place by now. It is written there by lp_thread_begins() or lp_thread_made(), whoever comes first:
 * as with pthread_create() alone, it is there when the thread's own code begins, and when the
 * creator goes on. */
pthread_t *lp_thread_handle(struct lp_thread_ticket ticket);

/* After pthread_create(): there is a thread, or there is none. Exactly one of them, once. */
void lp_thread_made(struct lp_thread_ticket ticket);
void lp_thread_not_made(struct lp_thread_ticket ticket);

/* By the thread itself, first and last thing. */
struct lp_thread_order lp_thread_begins(struct lp_thread_ticket ticket, pid_t tid);
void lp_thread_ends(struct lp_thread_ticket ticket, int64_t now);

/* By who joins or detaches: asked before the real call, for afterwards the handle may be another
 * thread's; told after it. Row 0: it was not created under our eyes. */
struct lp_thread_ticket lp_thread_find(pthread_t handle);
void lp_thread_joined(struct lp_thread_ticket ticket);
void lp_thread_detached(struct lp_thread_ticket ticket);

/* How many rows there are at most, and a copy of those in use: how many it is. */
uint32_t lp_threads_rows(void);
uint32_t lp_threads_copy(struct lp_thread *to, uint32_t max);

/* How many have ended and not been joined, as far as they said it. */
int64_t lp_threads_unjoined(void);

/* Around fork; `held` is what before_fork returned. A child has one thread, the forking one. */
bool lp_threads_before_fork(void);
void lp_threads_after_fork(bool held, bool child);

#endif
