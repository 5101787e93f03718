/*
 * Inside this room: the CPU timers of all threads, for record/cpu.c. The first thread to notice a
 * new thread, either itself or the profiler's, gives it a timer. One word per thread id records
 * whether it has one. There is no lock. All timers end with the window.
 */
#ifndef LP_RECORD_CPUTIMERS_H
#define LP_RECORD_CPUTIMERS_H

#include <stdint.h>

struct lp_cputimers {
    int signal, value; /* what each timer sends: si_signo, si_value.sival_int (not 0) */
    int64_t period_ns;
};

struct lp_cputimers_figures {
    uint32_t threads, born, unsampled;
    int64_t late_ns;
};

/* Gives every thread a timer. 0 or negative errno. */
int lp_cputimers_begin(const struct lp_cputimers *spec);

/* Deletes the timers of threads that have ended, and gives one to each new thread. */
void lp_cputimers_look(void);

/* Deletes all timers. No signal is sent after it has returned, but one may be on its way. */
void lp_cputimers_end(void);
void lp_cputimers_read(struct lp_cputimers_figures *figures);

void lp_cputimers_thread_begins(void); /* call in that thread, see record/cpu.h */
void lp_cputimers_thread_ends(void);
void lp_cputimers_forked(void);

#endif
