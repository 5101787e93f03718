/* Does the program have threads? */
#ifndef LP_HOOKS_THREADS_H
#define LP_HOOKS_THREADS_H

#include <stdatomic.h>
#include <stdbool.h>

extern _Atomic bool lp_threads_made __attribute__((visibility("hidden")));

/* Has the program, or the one that forked it, ever called pthread_create() or thrd_create()? */
static inline bool lp_hooks_threads_made(void)
{
    return atomic_load_explicit(&lp_threads_made, memory_order_relaxed);
}

#endif
