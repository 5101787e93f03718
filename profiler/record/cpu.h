/*
 * Where the program's CPU time goes: each thread has a timer on its own CPU clock, whose signal
 * finds the stack that the thread is in. One window at a time; nothing is left of it between two.
 *
 * A sample stands for the CPU time of one period. Where the kernel looks at CPU timers less often
 * than they expire (CONFIG_HZ of 250 gives a signal every 4 ms at most), the signal says how many
 * periods have passed, and the sample counts as many.
 *
 * What was not sampled is told in time, and not guessed at: the program's CPU time in the window is
 * known (its process clock, less the profiler's own threads), and stands beside that of all
 * samples.
 *
 * Profiler's thread only, but for the functions that say otherwise.
 */
#ifndef LP_RECORD_CPU_H
#define LP_RECORD_CPU_H

#include <stdbool.h>
#include <stdint.h>

enum { LP_CPU_HZ = 100, LP_CPU_HZ_MAX = 1000 };

/* What is to be known of a window. */
struct lp_cpu_figures {
    bool taken;
    int64_t program_ns;  /* CPU time that the program used in it */
    int64_t sampled_ns;  /* CPU time that the samples stand for */
    int64_t late_ns;     /* used by threads that began in it, before they had a timer; an estimate:
                          * what ended before it was seen at all is only in program_ns */
    int64_t held_ns;     /* passed while its thread blocked the signal: in no sample */
    uint32_t threads;    /* that had a timer */
    uint32_t born;       /* of these, began in the window */
    uint32_t unsampled;  /* at most so many at a time had none, for the kernel gave no more */
    bool cut_short;      /* the program took the signal for itself: it ended there */
    int64_t duration_ns; /* how long it was */
};

/* Opens a window. 0; -EALREADY: one is open; -EBUSY: the program handles every real-time signal;
 * or what /proc said. */
int lp_cpu_begin(int hz);

/* Gives timers to threads that began since the last look and did not say so. Milliseconds until it
 * is to be called again: often enough to meet new threads early, seldom enough to take 1 % of a
 * core. */
int lp_cpu_look(void);

/* Closes the window: no signal of it comes any more, and its number is free again. Then, until the
 * next one opens, lp_cpu_each() visits the stacks that were met. `squares` is the sum of the
 * squared counts of the single samples. */
void lp_cpu_end(struct lp_cpu_figures *figures);
void lp_cpu_each(void (*visit)(uint32_t stack, int64_t count, int64_t squares, void *arg),
                 void *arg);

/* Called by a thread as the first and the last thing that it does (hooks/threads.c), they cover the
 * time until the next look. They cost a read when no window is open. Any thread of the program. */
void lp_cpu_thread_begins(void);
void lp_cpu_thread_ends(void);

/* In a forked child, which has none of the timers. */
void lp_cpu_forked(void);

#endif
