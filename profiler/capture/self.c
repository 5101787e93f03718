#include "capture/self.h"

#include <stdatomic.h>
#include <unistd.h>

enum { OWN_THREADS_MAX = 16 };

__thread struct lp_self lp_self;

static _Atomic pid_t own_threads[OWN_THREADS_MAX];
static _Atomic int64_t own_heap;

static void replace(pid_t from, pid_t to)
{
    for (int i = 0; i < OWN_THREADS_MAX; i++) {
        pid_t seen = from;
        if (atomic_compare_exchange_strong(&own_threads[i], &seen, to))
            return;
    }
}

int lp_own_enter(void)
{
    int previous = lp_self.own;
    lp_self.own = true;
    lp_self.left = 0;
    lp_self.free_mask = 0;
    return previous;
}

void lp_own_leave(int previous)
{
    lp_self.own = previous;
    if (!previous)
        lp_self.epoch = 0; /* no rate has this epoch: the next allocation draws anew */
}

void lp_own_thread_enter(void)
{
    lp_own_enter();
    replace(0, gettid());
}

void lp_own_thread_leave(void)
{
    replace(gettid(), 0);
}

bool lp_own_thread(pid_t tid)
{
    for (int i = 0; i < OWN_THREADS_MAX; i++)
        if (atomic_load(&own_threads[i]) == tid)
            return true;
    return false;
}

int lp_own_threads(void)
{
    int n = 0;
    for (int i = 0; i < OWN_THREADS_MAX; i++)
        n += atomic_load(&own_threads[i]) != 0;
    return n;
}

void lp_own_heap_add(int64_t bytes)
{
    atomic_fetch_add_explicit(&own_heap, bytes, memory_order_relaxed);
}

int64_t lp_own_heap(void)
{
    return atomic_load_explicit(&own_heap, memory_order_relaxed);
}

void lp_own_threads_forget(void)
{
    for (int i = 0; i < OWN_THREADS_MAX; i++)
        atomic_store(&own_threads[i], 0);
}
