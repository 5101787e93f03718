/*
 * The program's threads, by the stack that created them: those that run, and those that have ended
 * and were not joined. The kernel knows which threads run (profile/threadcreate.c reads
 * /proc/self/task). A thread that has ended and was not joined is known only here.
 *
 * The creator makes a row before the thread exists. The row is freed when the thread is joined, or
 * when it has ended, is detached and the kernel has released it. Rows are reused: a ticket is valid
 * for one use of a row, and calls with an old ticket have no effect.
 *
 * There is one lock, held for some tens of instructions. A thread of the program waits for it for
 * LP_HOLD_PROGRAM ms at most. What cannot be recorded then is a loss. A row that is stale because a
 * join was lost is freed when its handle is used again. Any thread.
 */
#ifndef LP_RECORD_THREADS_H
#define LP_RECORD_THREADS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "sys/hold.h"

struct lp_thread_ticket {
    uint32_t row; /* from 1; 0: none */
    uint32_t use; /* counts the uses of the row */
};

/* The arguments of the creator's call. */
struct lp_thread_order {
    void *run; /* the thread's function, of pthread's or of C11's type */
    void *arg;
    pthread_t *handle; /* the variable of the creator that receives the handle */
    bool detached;
};

struct lp_thread {
    struct lp_thread_ticket ticket;
    uint32_t stack; /* the stack that created it */
    pid_t tid;      /* 0: it has not begun yet */
    bool detached;
    int64_t birth; /* in the time of lp_now_ns() */
    int64_t end;   /* 0: it has not ended */
};

/* Makes a row, before the thread exists. Row 0: there is no place for it, a loss. */
struct lp_thread_ticket lp_thread_new(const struct lp_thread_order *order, uint32_t stack,
                                      int64_t now);

/* Where pthread_create() is to write the handle. The creator's own variable cannot be used: the
 * handle must be known here before any thread can join the new one, and it cannot be read there,
 * because the new thread may have freed that memory. lp_thread_begins() or lp_thread_made(),
 * whichever comes first, copies it to the creator's variable. As with plain pthread_create(), it is
 * there when the thread's own code begins and when the creator continues. */
pthread_t *lp_thread_handle(struct lp_thread_ticket ticket);

/* Call exactly one of them, once, after pthread_create(): the thread exists, or it does not. */
void lp_thread_made(struct lp_thread_ticket ticket);
void lp_thread_not_made(struct lp_thread_ticket ticket);

/* The thread itself calls these as its first and its last action. */
struct lp_thread_order lp_thread_begins(struct lp_thread_ticket ticket, pid_t tid);
void lp_thread_ends(struct lp_thread_ticket ticket, int64_t now);

/* For joins and detaches. Call find before the real call, because after it the handle may be
 * another thread's. Report after it. Row 0: no hook saw the thread's creation. */
struct lp_thread_ticket lp_thread_find(pthread_t handle);
void lp_thread_joined(struct lp_thread_ticket ticket);
void lp_thread_detached(struct lp_thread_ticket ticket);

/* The largest number of rows, and a copy of those in use, which returns how many there are. */
uint32_t lp_threads_rows(void);
uint32_t lp_threads_copy(struct lp_thread *to, uint32_t max);

/* The number of threads that have ended and not been joined. */
int64_t lp_threads_unjoined(void);

/* Around fork (sys/hold.h). `got` is the result of the first. A child has one thread, the one that
 * forked. */
enum lp_fork_lock lp_threads_before_fork(void);
void lp_threads_after_fork(enum lp_fork_lock got, bool child);

#endif
