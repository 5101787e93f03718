/*
 * Child processes, by the calls that make them and the calls that wait for them. A child is
 * recorded when the call returns in the parent. By then, another thread or a handler of SIGCHLD may
 * have waited for it. The next profile drops such a stale row, because the kernel knows which
 * children exist (profile/procs.c). The same applies if no hook saw the wait, or if the wait was
 * not recorded because the table's lock was not free within milliseconds (a loss).
 *
 * The kernel reuses a process id only after it has used all others, so a row may be removed after
 * the wait.
 */
#include "hooks/hook.h"
#include "hooks/lives.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/clock.h"
#include "record/self.h"
#include "record/unwind.h"
#include "sys/keep_errno.h"
#include "sys/losses.h"
#include "sys/syscall.h"
#include "record/procs.h"
#include "record/stacks.h"

#define CALLER __builtin_return_address(0)

/* Records a child under this key. Keeps errno. */
__attribute__((noinline)) static void born(uint64_t key, void *caller)
{
    LP_KEEP_ERRNO;
    bool above = lp_self.busy; /* in a signal handler that interrupted us */
    if (!lp_hooks_process())
        return;
    lp_hooks_lives(false);
    if (above)
        lp_loss(LP_LOSS_REENTERED);
    lp_self.busy = true;
    lp_ranges_put(
        &lp_procs,
        &(struct lp_range){.start = key,
                           .length = 1,
                           .stack = above ? LP_STACK_NONE : lp_stack_of_call(caller),
                           .birth = lp_now_ticks(),
                           .own = key > UINT32_MAX}, /* a thread in system() is not a child */
        above);
    lp_self.busy = above;
}

static void over(uint64_t key)
{
    LP_KEEP_ERRNO;
    bool above = lp_self.busy;
    if (!lp_hooks_process())
        return;
    lp_self.busy = true;
    lp_ranges_cut(&lp_procs, key, 1, above);
    lp_self.busy = above;
}

static inline pid_t forked(pid_t child, void *caller)
{
    if (child > 0)
        born((uint64_t)child, caller);
    return child;
}

void lp_hooks_forked(pid_t child, void *caller)
{
    forked(child, caller);
}

/* The child of a vfork() runs in its parent's stack frames and overwrites words there. So the
 * return address is kept in a register, which each of the two has for itself, and the parent
 * continues in C as if it had just been called. The sanitizers have their own vfork(). */
#if !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__
pid_t lp_vforked(long result) __attribute__((visibility("hidden"), used));
pid_t lp_vforked(long result)
{
    if (result < 0) {
        errno = (int)-result;
        return -1;
    }
    return forked((pid_t)result, CALLER);
}

__asm__(".text\n"
        ".globl vfork\n"
        ".type vfork, @function\n"
        "vfork:\n\t"
        ".cfi_startproc\n\t"
        "pop %rdi\n\t"
        ".cfi_adjust_cfa_offset -8\n\t"
        ".cfi_register %rip, %rdi\n\t"
        "mov $58, %eax\n\t" /* SYS_vfork */
        "syscall\n\t"
        "push %rdi\n\t"
        ".cfi_adjust_cfa_offset 8\n\t"
        ".cfi_offset %rip, -8\n\t"
        "mov %rax, %rdi\n\t"
        "test %rax, %rax\n\t"
        "jnz lp_vforked\n\t"
        "ret\n\t"
        ".cfi_endproc\n"
        ".size vfork, . - vfork\n");
#endif

#define SPAWNS(name)                                                                               \
    LP_FIND(name)                                                                                  \
    LP_HOOK int name(pid_t *restrict out, const char *restrict path,                               \
                     const posix_spawn_file_actions_t *restrict actions,                           \
                     const posix_spawnattr_t *restrict attributes, char *const argv[restrict],     \
                     char *const envp[restrict])                                                   \
    {                                                                                              \
        pid_t child = 0;                                                                           \
        int result = LP_REAL(name)(&child, path, actions, attributes, argv, envp);                 \
        if (result == 0 && out)                                                                    \
            *out = child;                                                                          \
        if (result == 0)                                                                           \
            forked(child, CALLER);                                                                 \
        return result;                                                                             \
    }
SPAWNS(posix_spawn)
SPAWNS(posix_spawnp)

/* clone() can make threads too. The last three arguments exist only if the flags say so, and are
 * always passed on. */
LP_FIND(clone)
LP_HOOK int clone(int (*function)(void *), void *stack, int flags, void *arg, ...)
{
    va_list list;
    va_start(list, arg);
    pid_t *parent_tid = va_arg(list, pid_t *);
    void *tls = va_arg(list, void *);
    pid_t *child_tid = va_arg(list, pid_t *);
    va_end(list);
    int child = LP_REAL(clone)(function, stack, flags, arg, parent_tid, tls, child_tid);
    return flags & (CLONE_THREAD | CLONE_PARENT) ? child : forked(child, CALLER);
}

/* Called also if the thread is cancelled in system(). */
static void left_system(void *key)
{
    over(*(uint64_t *)key);
}

LP_FIND(system)
LP_HOOK int system(const char *command)
{
    uint64_t key = lp_procs_in_system(lp_gettid());
    int result;
    if (!command)
        return LP_REAL(system)(command);
    born(key, CALLER);
    pthread_cleanup_push(left_system, &key);
    result = LP_REAL(system)(command);
    pthread_cleanup_pop(1);
    return result;
}

/* glibc stores the process id of a popen() stream behind the FILE. The number there is used only if
 * it is a child of this process. */
static pid_t process_of(FILE *file)
{
    enum { VTABLE = sizeof(void *) };
    pid_t pid;
    siginfo_t info;
    LP_KEEP_ERRNO;
    memcpy(&pid, (const char *)file + sizeof *file + VTABLE, sizeof pid);
    bool child =
        pid > 0 && lp_syscall(SYS_waitid, P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
    return child ? pid : 0;
}

void lp_hooks_popened(FILE *file, void *caller)
{
    pid_t child = process_of(file);
    if (child)
        born((uint64_t)child, caller);
}

pid_t lp_hooks_pclosing(FILE *file)
{
    return lp_hooks_process() ? process_of(file) : 0;
}

void lp_hooks_pclosed(pid_t child)
{
    if (child)
        over((uint64_t)child);
}

static inline pid_t waited(pid_t child, const int *status)
{
    lp_hooks_lives(false);
    if (child > 0 && (WIFEXITED(*status) || WIFSIGNALED(*status)))
        over((uint64_t)child);
    return child;
}

/* One line for each call that waits for a child; `status` may be NULL. */
#define WAITS(name, params, args)                                                                  \
    LP_FIND(name)                                                                                  \
    LP_HOOK pid_t name params                                                                      \
    {                                                                                              \
        int here = 0;                                                                              \
        if (!status)                                                                               \
            status = &here;                                                                        \
        return waited(LP_REAL(name) args, status);                                                 \
    }
WAITS(wait, (int *status), (status))
WAITS(waitpid, (pid_t child, int *status, int options), (child, status, options))
WAITS(wait3, (int *status, int options, struct rusage *usage), (status, options, usage))
WAITS(wait4, (pid_t child, int *status, int options, struct rusage *usage),
      (child, status, options, usage))

LP_FIND(waitid)
LP_HOOK int waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
    siginfo_t here;
    if (!info)
        info = &here;
    info->si_pid = 0;
    int result = LP_REAL(waitid)(type, id, info, options);
    if (result == 0 && info->si_pid > 0 && !(options & WNOWAIT) &&
        (info->si_code == CLD_EXITED || info->si_code == CLD_KILLED || info->si_code == CLD_DUMPED))
        over((uint64_t)info->si_pid);
    return result;
}
