/*
 * exec passes pending signals on to the new program, which has no handler for the profiler's: it
 * would be ended by one. So no signal of the profiler's is sent during exec, and one that the
 * calling thread has blocked since it was sent is taken back before.
 *
 * The child of a vfork(), or of posix_spawn(), has a signal queue of its own, and nothing is sent
 * to it.
 */
#include "hooks/hook.h"

#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>
#include <unistd.h>

#include "record/interrupted.h"
#include "sys/keep_errno.h"
#include "sys/syscall.h"

/* A signal that the program sent itself is queued again. */
static void take_back_pending(uint64_t ours)
{
    enum { NOT_MINE_MAX = 64 };
    const struct timespec at_once = {0};
    siginfo_t info[NOT_MINE_MAX] = {0};
    long tid = lp_syscall(SYS_gettid), pid = lp_syscall(SYS_getpid);
    int n = 0;
    while (n < NOT_MINE_MAX &&
           lp_syscall(SYS_rt_sigtimedwait, &ours, &info[n], &at_once, LP_SIGSET_BYTES) > 0)
        n += !(info[n].si_code == SI_QUEUE && info[n].si_pid == pid && info[n].si_value.sival_ptr);
    for (int i = 0; i < n; i++)
        lp_syscall(SYS_rt_tgsigqueueinfo, pid, tid, info[i].si_signo, &info[i]);
}

static bool begins(void)
{
    uint64_t ours = atomic_load_explicit(&lp_own_signals, memory_order_relaxed), pending = 0;
    LP_KEEP_ERRNO;
    if (!ours || !lp_hooks_process())
        return false;
    lp_exec_begin();
    lp_syscall(SYS_rt_sigpending, &pending, LP_SIGSET_BYTES);
    if (pending & ours)
        take_back_pending(ours);
    return true;
}

/* One line for each call. It returns only if it has failed. */
#define EXECS(name, params, args)                                                                  \
    LP_FIND(name)                                                                                  \
    LP_HOOK int name params                                                                        \
    {                                                                                              \
        bool begun = begins();                                                                     \
        int result = LP_REAL(name) args;                                                           \
        if (begun)                                                                                 \
            lp_exec_end();                                                                         \
        return result;                                                                             \
    }
EXECS(execve, (const char *path, char *const argv[], char *const envp[]), (path, argv, envp))
EXECS(execv, (const char *path, char *const argv[]), (path, argv))
EXECS(execvp, (const char *file, char *const argv[]), (file, argv))
EXECS(execvpe, (const char *file, char *const argv[], char *const envp[]), (file, argv, envp))
EXECS(fexecve, (int fd, char *const argv[], char *const envp[]), (fd, argv, envp))

/* glibc 2.34 and later. */
int execveat(int dir, const char *path, char *const argv[], char *const envp[], int flags);
EXECS(execveat, (int dir, const char *path, char *const argv[], char *const envp[], int flags),
      (dir, path, argv, envp, flags))

static size_t count(va_list list)
{
    size_t n = 0;
    while (va_arg(list, char *))
        n++;
    return n;
}

/* The arguments as an array, on the stack as in libc: these may be called after vfork(). envp: it
 * follows the last argument. Programs do pass NULL as the first one, although the header says that
 * it is none. */
#define EXECS_LIST(name, call)                                                                     \
    LP_HOOK int name(const char *path, const char *first, ...)                                     \
    {                                                                                              \
        va_list list;                                                                              \
        char *start = (char *)first;                                                               \
        __asm__("" : "+r"(start));                                                                 \
        va_start(list, first);                                                                     \
        char *argv[start ? count(list) + 2 : 1];                                                   \
        va_end(list);                                                                              \
        va_start(list, first);                                                                     \
        argv[0] = start;                                                                           \
        for (size_t i = 0; argv[i];)                                                               \
            argv[++i] = va_arg(list, char *);                                                      \
        int result = call;                                                                         \
        va_end(list);                                                                              \
        return result;                                                                             \
    }
EXECS_LIST(execl, execv(path, argv))
EXECS_LIST(execlp, execvp(path, argv))
EXECS_LIST(execle, execve(path, argv, va_arg(list, char **)))
