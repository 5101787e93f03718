/*
 * Waits between threads, in the sense of Go's block and mutex profiles. Block: how long a thread
 * waited, by its own stack. Mutex: how long the holder of a lock made others wait, by the stack
 * that released it. Both are off by default. A wait counts when it is over.
 *
 * Block: a wait of `rate` ns or longer is always recorded. A shorter one is recorded with the
 * probability ns/rate, and stands for rate/ns waits. Mutex: one event in `fraction`, chosen at
 * random, stands for that many. Rates may change at any time, because each event carries its
 * weight.
 */
#ifndef LP_RECORD_WAITS_H
#define LP_RECORD_WAITS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "record/delays.h"

/* Is one of the two on? Hooks read this first. If it is 0, they do nothing else. */
extern _Atomic int lp_waits_on __attribute__((visibility("hidden")));

/* ns for LP_WAITS_BLOCK, a number of events for LP_WAITS_MUTEX. 1 records every one, 0 none. Set it
 * to 0 to LP_WAITS_RATE_MAX (config.h). Waits that begin after the return are recorded at the new
 * rate. */
int64_t lp_waits_rate(enum lp_waits kind);
void lp_waits_rate_set(enum lp_waits kind, int64_t rate);

/* When it was last turned on, in ns after lp_began_ns(), -1 if never. And how often the rate was
 * changed while it was on, or was turned off. */
struct lp_waits_history {
    int64_t rate, on_since_ns;
    uint32_t changes;
};
struct lp_waits_history lp_waits_history(enum lp_waits kind);

/* For the hook of any call in which a thread may wait for another. Take the time just before the
 * call that waits, and pass it to lp_wait_end() after the call, with the hook's return address.
 * Call neither outside the program's process (lp_hooks_process()). 0: not to be recorded. errno is
 * kept.
 *
 *   int64_t began = lp_wait_begin();
 *   int result = LP_REAL(pthread_join)(thread, value);
 *   lp_wait_end(began, CALLER);
 *
 * hooks/timed.h does this, and also handles cancellation points. */
int64_t lp_wait_begin(void);
void lp_wait_end(int64_t began_ns, void *caller);

/* The same for a wait that was timed elsewhere: ns of waiting have just ended. */
void lp_waited(int64_t ns, void *caller);

/* The caller released a lock for which others had waited this long in total. */
void lp_wait_caused(int64_t ns, void *caller);

/* May this thread's waits be recorded now? Not those of the profiler's threads, and not inside the
 * profiler. */
bool lp_waits_here(void);

#endif
