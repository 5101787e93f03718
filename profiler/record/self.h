/*
 * What each thread knows of itself: how far it is from its next sample, and whether it is inside
 * the profiler now. All zero in a new thread, which sends its first allocation and its first free
 * down the slow path, where it is set up.
 */
#ifndef LP_RECORD_SELF_H
#define LP_RECORD_SELF_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

struct lp_self {
    uint64_t due;        /* when the next sample is; see record/rate.h. 0: not drawn */
    uintptr_t free_mask; /* see hooks/malloc.c; 0 in own threads: all their frees are slow */
    int64_t rate;        /* that `due` was drawn at */
    uint32_t unwinds;    /* how many stacks were taken here */
    uint64_t random;     /* state of the generator; 0: not seeded */
    bool cached;         /* libunwind has given this thread a trace cache */
    uint32_t code;       /* what code there was when it did: see unwind.c; else it is not used */
    bool own;            /* the profiler's own thread, or on the profiler's own business */
    bool apart;          /* its descriptors are not the program's: numbers mean something else */
    bool busy;           /* inside the profiler: what comes now must not be recorded again */
};

extern __thread struct lp_self lp_self __attribute__((visibility("hidden")));

/* For whole threads of the profiler: first thing, once; and at the end of them. Such a thread has a
 * descriptor table of its own, empty but for /dev/null as 0, 1 and 2: nothing that it opens takes a
 * number or a place from the program, is closed by it, or passed on to its children. It keeps its
 * root and working directory when the program changes them. 0, or a negative errno: -ENOSYS on a
 * kernel (Linux 5.9 has it) or under a seccomp filter without close_range(). */
int lp_own_thread_enter(void);
void lp_own_thread_leave(void);

/* The duplicate of the program's 2 that such a thread begins with, to be closed or kept
 * (inspect/stderr.h); -1: none. */
int lp_own_stderr(void);

/* For a stretch of the profiler's business on a thread of the program: what it allocates and opens
 * is the profiler's. Nests. */
int lp_own_enter(void);
void lp_own_leave(int previous);

/* The threads that called lp_own_thread_enter(). */
bool lp_own_thread(pid_t tid);

/* Has the calling thread a descriptor table of its own? */
bool lp_own_apart(void);

int lp_own_threads(void);
enum { LP_OWN_THREADS_MAX = 16 };
pid_t lp_own_thread_at(int i);       /* the i-th place; 0: nobody has it */
int64_t lp_own_threads_cpu_ns(void); /* how much CPU time they have used */
void lp_own_threads_forget(void);    /* in a forked child, which has none of them */

/* The CPU clock of a thread, as the kernel numbers them. */
static inline clockid_t lp_cpu_clock_of(pid_t tid)
{
    enum { PER_THREAD_SCHED = 6 };
    return (clockid_t)(~(unsigned)tid << 3 | PER_THREAD_SCHED);
}

/* What malloc gave to own threads and got back, in usable bytes. */
void lp_own_heap_add(int64_t bytes);
int64_t lp_own_heap(void);
int64_t lp_own_heap_peak(void); /* the most since the last call of this */

#endif
