/*
 * A forked child that lives on: it has not called exec, and does what a process does that will not.
 * Then the profiler's thread is started in it. A child that calls exec soon gets no thread.
 *
 * Some calls are made only by a process that lives on: accept(), epoll_create(), pthread_create().
 * Other hooks, and those of waits at their beginning, start it if the fork was LP_LIVES_MS ago. A
 * child that calls none of these has no thread. Nor has a child in the first wait of its life: it
 * does not grow. No signal can end that wait from outside, because the child may call exec
 * meanwhile, or give all signals their default action.
 */
#ifndef LP_HOOKS_LIVES_H
#define LP_HOOKS_LIVES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { LP_LIVES_MS = 250 };

/* When this process was forked. 0: it need not be watched. */
extern _Atomic int64_t lp_lives_since __attribute__((visibility("hidden")));

/* In a forked child: calls start() once, when it lives on, where a thread may be made
 * (hooks/handlers.h). */
void lp_lives_watch(void (*start)(void));

/* certain: only a process that lives on makes this call. Keeps errno. */
void lp_lives_look(bool certain);

static inline void lp_hooks_lives(bool certain)
{
    if (__builtin_expect(atomic_load_explicit(&lp_lives_since, memory_order_relaxed) != 0, 0))
        lp_lives_look(certain);
}

#endif
