/*
 * Where the program's CPU time goes. Each thread has a timer on its own CPU clock. Its signal takes
 * the stack that the thread is in. Only one window can be open at a time, and nothing is left
 * between windows.
 *
 * A sample stands for the CPU time of one period. If the kernel checks CPU timers less often than
 * they expire (with CONFIG_HZ of 250, at most every 4 ms), the signal carries the number of periods
 * that have passed, and the sample counts as many.
 *
 * CPU time that was not sampled is reported as time and not guessed at. The program's CPU time in
 * the window is known (its process clock, less the profiler's own threads) and is shown beside that
 * of all samples.
 *
 * Profiler's thread only, except where a function says otherwise.
 */
#ifndef LP_RECORD_CPU_H
#define LP_RECORD_CPU_H

#include <stdbool.h>
#include <stdint.h>

enum { LP_CPU_HZ = 100, LP_CPU_HZ_MAX = 1000 };

/* The results of a window. */
struct lp_cpu_figures {
    bool taken;
    int64_t program_ns;  /* CPU time that the program used in the window */
    int64_t sampled_ns;  /* CPU time that the samples stand for */
    int64_t late_ns;     /* used by threads that began in the window, before they had a timer. An
                            estimate: threads that ended before they were seen are only in program_ns */
    int64_t held_ns;     /* used while the thread blocked the signal: in no sample */
    uint32_t threads;    /* threads that had a timer */
    uint32_t born;       /* those of them that began in the window */
    uint32_t unsampled;  /* the most threads at one time that the kernel refused a timer */
    bool cut_short;      /* the window ended early because the program took the signal for itself */
    int64_t duration_ns; /* length of the window */
};

/* Opens a window. 0; -EALREADY: one is open; -EBUSY: the program handles every real-time signal; or
 * an error from reading /proc. */
int lp_cpu_begin(int hz);

/* Gives timers to threads that began since the last call and did not report it. Returns the
 * milliseconds until the next call: often enough to find new threads early, rarely enough to use at
 * most 1 % of a core. */
int lp_cpu_look(void);

/* Closes the window. None of its signals is delivered after that, and the signal number is free
 * again. Until the next window opens, lp_cpu_each() visits its stacks. `squares` is the sum of the
 * squared counts of the single samples. */
void lp_cpu_end(struct lp_cpu_figures *figures);
void lp_cpu_each(void (*visit)(uint32_t stack, int64_t count, int64_t squares, void *arg),
                 void *arg);

/* Called by a thread as the first and the last thing that it does (hooks/threads.c), they cover the
 * time until the next look. They cost a read when no window is open. Any thread of the program. */
void lp_cpu_thread_begins(void);
void lp_cpu_thread_ends(void);

/* In a forked child, which does not have the timers. */
void lp_cpu_forked(void);

#endif
