/*
 * fork(), for programs that call it in a signal handler.
 *
 * In a process with one thread, glibc's fork() takes no lock. So a handler may call it, whatever it
 * has interrupted. In a process with more threads it takes the locks of malloc() and of streams. If
 * the handler has interrupted a function that holds one, it waits forever. The profiler's thread
 * must not make that difference. For such a fork, of a program that has made no thread, the hook
 * does what fork() does in a process with one thread: it runs the functions that were registered
 * with pthread_atfork(), around _Fork().
 */
#include "hooks/hook.h"

#include <unistd.h>

#include "hooks/atfork.h"
#include "hooks/credentials.h"
#include "hooks/handlers.h"
#include "hooks/threads.h"
#include "sys/keep_errno.h"

#define CALLER __builtin_return_address(0)

LP_FIND(fork)

#if __GLIBC_PREREQ(2, 34)
LP_FIND(_Fork)

/* Would glibc take locks that it does not take without the profiler, and may the interrupted code
 * hold one? */
static bool locks_for_us(void)
{
    return lp_hooks_thread_was_there() && !lp_hooks_threads_made() && lp_hooks_process() &&
           lp_atfork_known() && LP_REAL(_Fork) && !lp_handlers_outside_libc();
}

static pid_t fork_without_locks(void)
{
    lp_atfork_before();
    pid_t child = LP_REAL(_Fork)();
    LP_KEEP_ERRNO;
    lp_atfork_after(child == 0);
    return child;
}

static pid_t fork_somehow(void)
{
    return locks_for_us() ? fork_without_locks() : LP_REAL(fork)();
}

LP_HOOK pid_t _Fork(void)
{
    pid_t child = LP_REAL(_Fork)();
    if (child > 0)
        lp_hooks_forked(child, CALLER);
    return child;
}
#else /* an older glibc has no _Fork(), and a handler that forks may wait */
static pid_t fork_somehow(void)
{
    return LP_REAL(fork)();
}
#endif

LP_HOOK pid_t fork(void)
{
    pid_t child = fork_somehow();
    if (child > 0)
        lp_hooks_forked(child, CALLER);
    return child;
}
