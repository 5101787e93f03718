/*
 * The program's threads, by the stack that created them: those that run, and those that have ended
 * and were not joined. What really runs is said by the kernel (profile/threadcreate.c reads
 * /proc/self/task). A thread that was not joined is known here alone, because the kernel has
 * forgotten it.
 *
 * The creator makes a row before there is a thread. The row is freed when the thread is joined, or
 * when it has ended, is detached and the kernel has let it go. Rows are used again: a ticket is
 * good for one use, and calls with an old ticket have no effect.
 *
 * One lock, held for some tens of instructions. A thread of the program waits for it for
 * LP_HOLD_PROGRAM ms at most, and what is not recorded then is a loss. A row that is stale because
 * a join was lost is freed when its handle is used again. Any thread.
 */
#ifndef LP_RECORD_THREADS_H
#define LP_RECORD_THREADS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "sys/hold.h"

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
    int64_t end;   /* 0: it has not ended */
};

/* Before there is a thread. Row 0: there is no place for it, a loss. */
struct lp_thread_ticket lp_thread_new(const struct lp_thread_order *order, uint32_t stack,
                                      int64_t now);

/* Where pthread_create() is to write the handle. Not where the creator wants it: the handle must be
 * known here before anybody can join the thread, and cannot be read there, because the thread may
 * have freed that place. lp_thread_begins() or lp_thread_made(), whichever comes first, writes it
 * to the creator's place. As with pthread_create() alone, it is there when the thread's own code
 * begins and when the creator goes on. */
pthread_t *lp_thread_handle(struct lp_thread_ticket ticket);

/* After pthread_create(): there is a thread, or there is none. Exactly one of them, once. */
void lp_thread_made(struct lp_thread_ticket ticket);
void lp_thread_not_made(struct lp_thread_ticket ticket);

/* By the thread itself, first and last thing. */
struct lp_thread_order lp_thread_begins(struct lp_thread_ticket ticket, pid_t tid);
void lp_thread_ends(struct lp_thread_ticket ticket, int64_t now);

/* For joins and detaches: find before the real call, because after it the handle may be another
 * thread's; report after it. Row 0: no hook saw it created. */
struct lp_thread_ticket lp_thread_find(pthread_t handle);
void lp_thread_joined(struct lp_thread_ticket ticket);
void lp_thread_detached(struct lp_thread_ticket ticket);

/* How many rows there are at most, and a copy of those in use: how many it is. */
uint32_t lp_threads_rows(void);
uint32_t lp_threads_copy(struct lp_thread *to, uint32_t max);

/* How many have ended and not been joined. */
int64_t lp_threads_unjoined(void);

/* Around fork (sys/hold.h); `got` is the result of before. A child has one thread, the forking
 * one. */
enum lp_fork_lock lp_threads_before_fork(void);
void lp_threads_after_fork(enum lp_fork_lock got, bool child);

#endif
