/*
 * How much time the program's threads spend recording: an estimate. One slow event in
 * LP_HOOKTIME_EVERY is timed, by chance and not in turn, for programs allocate in patterns; what it
 * took, less what reading the clock takes, stands for that many. A thread that was preempted
 * meanwhile counts with the pause: over few events the estimate jumps.
 *
 * Not in it: the fast path, which takes no time worth the measuring, and glibc's own work, nor
 * realloc. Any thread, any context; no lock.
 */
#ifndef LP_RECORD_HOOKTIME_H
#define LP_RECORD_HOOKTIME_H

#include <stdint.h>

enum { LP_HOOKTIME_EVERY = 64 };

/* Around an event. What begin returns is for end; 0: this event is not timed. */
int64_t lp_hooktime_begin(void);
void lp_hooktime_end(int64_t began);

struct lp_hooktime {
    int64_t ns;    /* estimated, of all events so far */
    int64_t timed; /* events that this rests on */
};
struct lp_hooktime lp_hooktime_read(void);

#endif
