/*
 * The state of each thread: how far it is from its next sample, and whether it is inside the
 * profiler now. In a new thread it is all zero. That sends the thread's first allocation and first
 * free to the slow path, where the state is set up.
 */
#ifndef LP_RECORD_SELF_H
#define LP_RECORD_SELF_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

struct lp_blocks_counts; /* record/blockcounts.h */

struct lp_self {
    uint64_t due;                    /* bytes until this thread must look, see record/rate.h */
    struct lp_blocks_counts *counts; /* NULL: all its frees are slow, as those of own threads are */
    int64_t rate;                    /* the rate that `due` was drawn at */
    uint32_t generation;             /* of that rate; 0: not drawn */
    bool point;                      /* a sample is due then */
    uint8_t frees;                   /* number of slow ones, up to a small one */
    uint8_t share;                   /* of sites that threads share (sites.c); 0: none yet */
    uint32_t unwinds;                /* number of stacks taken in this thread */
    uint64_t random;                 /* state of the generator; 0: not seeded */
    bool cached;                     /* libunwind has given this thread a trace cache */
    uint32_t code; /* `unloads` at that time (unwind.c); if it has risen, the cache is unused */
    bool own;      /* the profiler's own thread, or a thread that works for the profiler now */
    bool apart;    /* it has a descriptor table of its own, so its numbers are not the program's */
    bool busy;     /* inside the profiler: events must not be recorded again */
    int64_t heap;  /* bytes that malloc gave to this thread as an own one, less those it freed */
};

extern __thread struct lp_self lp_self __attribute__((visibility("hidden")));

/* For whole threads of the profiler. Call enter first, once, and the other at the end. Such a
 * thread has its own descriptor table (record/owntable.h), empty except for /dev/null as 0, 1
 * and 2. What it opens takes no number from the program, cannot be closed by it, and is not passed
 * to its children. The thread keeps its root and working directory when the program changes them.
 * 0, or a negative errno: -ENOSYS if it cannot have one. */
int lp_own_thread_enter(void);
void lp_own_thread_leave(void);

/* The same for a thread that such a thread has created. It has the descriptors and the directories
 * of its creator. */
void lp_own_helper_enter(void);

/* The duplicate of the program's descriptor 2 that such a thread has at the start, to be closed or
 * kept (inspect/stderr.h). -1: none. */
int lp_own_stderr(void);

/* While a thread of the program does the profiler's work: what it allocates and opens is the
 * profiler's. Calls nest. */
int lp_own_enter(void);
void lp_own_leave(int previous);

/* The threads that called lp_own_thread_enter(). */
bool lp_own_thread(pid_t tid);

/* Does the calling thread have its own descriptor table? */
bool lp_own_apart(void);

int lp_own_threads(void);
enum { LP_OWN_THREADS_MAX = 16 };
pid_t lp_own_thread_at(int i);           /* the i-th place; 0: free */
bool lp_own_thread_shares(int i);        /* it uses the descriptors of another place's thread */
bool lp_own_thread_is(uintptr_t handle); /* is this pthread_t one of them? */
int64_t lp_own_threads_cpu_ns(void);     /* CPU time that they and their predecessors have used */
void lp_own_threads_forget(void);        /* in a forked child, which does not have them */

/* The id of a thread's CPU clock, in the kernel's numbering. */
static inline clockid_t lp_cpu_clock_of(pid_t tid)
{
    enum { PER_THREAD_SCHED = 6 };
    return (clockid_t)(~(unsigned)tid << 3 | PER_THREAD_SCHED);
}

/* While this is set, it is called if malloc() fails in this thread, an own one, and need not
 * return: some libraries end the process otherwise. NULL: nothing is called. */
void lp_own_no_memory(void (*leave)(void));
void lp_own_refused_block(void); /* malloc() has failed */

/* Bytes that malloc gave to own threads, less those they freed, in usable sizes. */
void lp_own_heap_add(int64_t bytes);
int64_t lp_own_heap(void);
int64_t lp_own_heap_here(void); /* of the calling thread alone */
int64_t lp_own_heap_peak(void); /* the most since the last call of this */

#endif
