/*
 * What the hooks need at start-up and at every fork.
 *
 * A forked child inherits copies of the tables, without its parent's children, and continues
 * recording. It does not have the profiler's threads: see hooks/lives.h.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <unistd.h>

#include "record/code.h"
#include "config.h"
#include "record/cpu.h"
#include "record/interrupted.h"
#include "record/loader.h"
#include "record/rate.h"
#include "sys/clock.h"
#include "record/self.h"
#include "record/unwind.h"
#include "record/waits.h"
#include "hooks/allocator.h"
#include "hooks/hook.h"
#include "record/autorate.h"
#include "record/blockcounts.h"
#include "record/blocks.h"
#include "record/contention.h"
#include "sys/hold.h"
#include "sys/syscall.h"
#include "record/maps.h"
#include "record/procs.h"
#include "record/threads.h"

static _Atomic pid_t process;

enum { SILENT = -1 };

bool lp_hooks_process(void)
{
    pid_t known = atomic_load_explicit(&process, memory_order_relaxed);
    return known == 0 || (known != SILENT && known == (pid_t)lp_syscall(SYS_getpid));
}

void lp_hooks_silence(void)
{
    atomic_store(&process, SILENT);
}

/* The locks that the forking thread must release. The thread was already busy if it forks in a
 * signal handler that interrupted the profiler.
 *
 * The handler may also have interrupted fork() itself, in this thread. Then the locks are already
 * held, and in the parent they are left to the interrupted fork. The child releases them. When it
 * later returns from the handler into the interrupted fork, nothing is left to release there. */
static __thread struct {
    int depth; /* forks under way that have the locks in common; 0: nothing to give back */
    struct lp_blocks_held blocks;
    enum lp_fork_lock threads, maps, procs;
    bool loader, was_busy;
} fork_state;

static void take(void)
{
    if (fork_state.depth++ > 0)
        return;
    fork_state.was_busy = lp_self.busy;
    lp_self.busy = true;
    lp_unwind_before_fork(fork_state.was_busy);
    fork_state.loader = lp_loader_before_fork(fork_state.was_busy);
    lp_hold_begin_fork();
    fork_state.threads = lp_threads_before_fork();
    lp_blocks_before_fork(&fork_state.blocks);
    fork_state.maps = lp_ranges_before_fork(&lp_maps);
    fork_state.procs = lp_ranges_before_fork(&lp_procs);
}

static void give_back(bool child)
{
    if (fork_state.depth == 0 || (--fork_state.depth > 0 && !child))
        return;
    fork_state.depth = 0;
    lp_ranges_after_fork(&lp_procs, fork_state.procs, child,
                         child); /* the parent's children are not the child's */
    lp_ranges_after_fork(&lp_maps, fork_state.maps, child, false);
    lp_blocks_after_fork(&fork_state.blocks, child);
    lp_threads_after_fork(fork_state.threads, child);
    lp_hold_end_fork(child);
    lp_loader_after_fork(fork_state.loader, child);
    lp_unwind_after_fork(child);
    lp_self.busy = fork_state.was_busy;
}

/* The forking thread holds our locks while other people's handlers run, and those may allocate:
 * busy keeps it from recording. Signals are blocked until it holds them all, because a handler may
 * fork. */
static void before_fork(void)
{
    uint64_t mask = lp_sys_block_signals();
    take();
    lp_sys_set_signals(mask);
}

static void after_fork(bool child)
{
    uint64_t mask = lp_sys_block_signals();
    give_back(child);
    lp_sys_set_signals(mask);
}

static void after_fork_in_parent(void)
{
    after_fork(false);
}

static void after_fork_in_child(void)
{
    if (atomic_load(&process) != SILENT)
        atomic_store(&process, (pid_t)lp_syscall(SYS_getpid));
    lp_own_threads_forget();
    lp_cpu_forked();
    lp_contention_forget();
    lp_exec_forked();
    lp_rate_forked();
    lp_autorate_forked();
    after_fork(true);
}

extern const char __start_lp_hooks[] __attribute__((visibility("hidden")));
extern const char __stop_lp_hooks[] __attribute__((visibility("hidden")));

__attribute__((constructor(101))) static void start(int argc, char **argv, char **environment)
{
    (void)argc, (void)argv;
    lp_real_prepare();
    lp_allocator_start();
    lp_config_read(environment);
    lp_rate();
    lp_blocks_counts_prepare();
    lp_waits_rate_set(LP_WAITS_BLOCK, lp_config()->block_rate);
    lp_waits_rate_set(LP_WAITS_MUTEX, lp_config()->mutex_fraction);
    atomic_store(&process, (pid_t)lp_syscall(SYS_getpid));
    lp_began_ns();
    lp_unwind_hide((uintptr_t)__start_lp_hooks, (uintptr_t)__stop_lp_hooks);
    lp_code_prepare(environment);
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}
