/*
 * Inside this room: the CPU timers of all threads, for record/cpu.c. Who knows of a thread, be it
 * the thread itself or the profiler's, gives it a timer; there is a word for each thread id that
 * says whether it has one, and no lock. Ends with the window.
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

/* Takes back those of threads that ended, and gives one to each that is new. */
void lp_cputimers_look(void);

/* Takes all of them back. No signal is sent after it returned, but one may be on its way. */
void lp_cputimers_end(void);
void lp_cputimers_read(struct lp_cputimers_figures *figures);

void lp_cputimers_thread_begins(void); /* in that thread, as record/cpu.h has it */
void lp_cputimers_thread_ends(void);
void lp_cputimers_forked(void);

#endif
