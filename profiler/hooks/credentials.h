/* Calls that the profiler's thread would disturb: unshare(), setuid() and others. */
#ifndef LP_HOOKS_CREDENTIALS_H
#define LP_HOOKS_CREDENTIALS_H

#include <stdbool.h>

/* How to end the profiler's thread for such a call, and how to start it again after the call. */
struct lp_thread_control {
    bool (*runs)(void);
    bool (*end)(void); /* true: it has ended, and one of the next two must follow */
    void (*start)(void);
    void (*leave)(
        const char *why); /* it does not start again; one line says why, unless it is NULL */
};

/* False after the program has installed a filter that would end it for such a thread, or has
 * counted its threads. */
bool lp_hooks_thread_allowed(void);

/* Has this process, or one that forked it, had a thread of the profiler's? */
bool lp_hooks_thread_was_there(void);

/* Ends the thread for good: the program wants to have one thread. */
void lp_hooks_bar_thread(void);

void lp_hooks_control(const struct lp_thread_control *control);

/* For syscall(): the call, repeated alone if necessary. Returns what the kernel returned. */
long lp_hooks_raw_call(long number, const long arguments[6]);

#endif
