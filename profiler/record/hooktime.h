/*
 * How much time the program's threads spend recording: an estimate. One slow event in
 * LP_HOOKTIME_EVERY is timed and stands for that many, less the time that reading the clock takes.
 * Events are chosen at random, because programs allocate in patterns. If a thread is preempted
 * while it is timed, the pause counts, so over few events the estimate varies much.
 *
 * Not included: the fast path, frees that find no record, glibc's own work, and realloc. Any
 * thread, any context; no lock.
 */
#ifndef LP_RECORD_HOOKTIME_H
#define LP_RECORD_HOOKTIME_H

#include <stdint.h>

enum { LP_HOOKTIME_EVERY = 64, LP_HOOKTIME_TYPICAL_NS = 4000 };

/* Call around an event. Pass the result of begin to end. 0: this event is not timed. */
int64_t lp_hooktime_begin(void);
void lp_hooktime_end(int64_t began);

struct lp_hooktime {
    int64_t ns;         /* estimate for all events so far */
    int64_t typical_ns; /* the same, with no event counted as more than LP_HOOKTIME_TYPICAL_NS */
    int64_t timed;      /* number of events that were timed */
};
struct lp_hooktime lp_hooktime_read(void);

#endif
