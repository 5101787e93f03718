/*
 * Waits between threads, as Go's block and mutex profiles have them: how long somebody waited, by
 * his stack, and how long he who held a lock made others wait, by the stack that let go of it.
 * Off until asked for; a wait counts when it is over.
 *
 * Block: a wait of `rate` ns or longer is recorded always, a shorter one with the chance ns/rate,
 * and stands for rate/ns of its kind. Mutex: one event in `fraction`, by chance, stands for so
 * many. Rates may change at any time, for each event carries its weight.
 */
#ifndef LP_RECORD_WAITS_H
#define LP_RECORD_WAITS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "record/delays.h"

/* Is either on? What hooks ask first, and all that they do when neither is. */
extern _Atomic int lp_waits_on __attribute__((visibility("hidden")));

/* ns for LP_WAITS_BLOCK, a number of events for LP_WAITS_MUTEX; 1 records every one, 0 none. To be
 * set to 0 … LP_WAITS_RATE_MAX (config.h); waits that begin after the return are recorded at it. */
int64_t lp_waits_rate(enum lp_waits kind);
void lp_waits_rate_set(enum lp_waits kind, int64_t rate);

/* When it was last turned on, in ns after lp_began_ns(), or -1 if it never was; and how often the
 * rate changed while it was on, or was turned off. */
struct lp_waits_history {
    int64_t rate, on_since_ns;
    uint32_t changes;
};
struct lp_waits_history lp_waits_history(enum lp_waits kind);

/* For the hook of any call in which a thread may wait for another: take the time just before the
 * call that waits, and hand it back after it, with the hook's return address. Call neither in what
 * is not the program's process (lp_hooks_process()). 0: not to be recorded. errno is kept.
 *
 *   int64_t began = lp_wait_begin();
 *   int result = LP_REAL(pthread_join)(thread, value);
 *   lp_wait_end(began, CALLER);
 *
 * hooks/timed.h does that, and for cancellation points what else there is to do.
 */
int64_t lp_wait_begin(void);
void lp_wait_end(int64_t began_ns, void *caller);

/* The same for one that was timed elsewhere: ns of waiting were over just now. */
void lp_waited(int64_t ns, void *caller);

/* The caller let go of a lock for which others had waited so long, all together. */
void lp_wait_caused(int64_t ns, void *caller);

/* May this thread's waits be recorded now? Not the profiler's own, and not inside of it. */
bool lp_waits_here(void);

#endif
