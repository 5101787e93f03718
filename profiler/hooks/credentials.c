/*
 * Calls that a second thread would disturb. The program may not know that it has one.
 *
 * - unshare() and setns() need a process with one thread for some namespaces. If such a call fails
 *   in the way it fails with more threads, the profiler's thread ends, the call is repeated, and
 *   the thread starts again.
 * - glibc carries out setuid() and its relatives in every thread, and aborts if the results differ.
 *   They differ if the threads' credentials differ. prctl(), capset(), setfsuid() and bare system
 *   calls change the credentials of one thread. After such a change, the profiler's thread ends
 *   before the next setuid() and starts again after it. A new thread has the credentials of the
 *   thread that starts it.
 * - If the program's first thread gives up capabilities for good, the profiler's thread is started
 *   again at once. So it never has more than the program has kept.
 * - A filter of system calls (seccomp) that the program's first thread installs also applies to the
 *   profiler's thread, which is started again under it. If the filter would end the process for a
 * call of that thread, the thread ends before. If it would do so for a call of the hooks, nothing
 * is recorded from then on.
 */
#include "hooks/credentials.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "hooks/filter.h"
#include "hooks/hook.h"
#include "record/rate.h"
#include "record/self.h"
#include "record/waits.h"
#include "sys/keep_errno.h"
#include "sys/readable.h"
#include "sys/syscall.h"

static _Atomic(const struct lp_thread_control *) control;
static _Atomic bool differ;   /* a thread has changed its own credentials since the last start */
static _Atomic bool barred;   /* our thread must not start again */
static _Atomic pid_t starter; /* the thread that started ours for such a call; 0: none has */

void lp_hooks_control(const struct lp_thread_control *new_control)
{
    atomic_store_explicit(&control, new_control, memory_order_release);
}

bool lp_hooks_thread_allowed(void)
{
    return !atomic_load(&barred);
}

bool lp_hooks_thread_was_there(void)
{
    return atomic_load_explicit(&control, memory_order_relaxed) != NULL;
}

/* NULL: no thread of ours is in the way of this call. */
static const struct lp_thread_control *in_the_way(void)
{
    const struct lp_thread_control *c = atomic_load_explicit(&control, memory_order_acquire);
    return c && !lp_self.own && lp_hooks_process() && c->runs() ? c : NULL;
}

/* Ends our thread. NULL: it has not ended. Keeps errno. */
static const struct lp_thread_control *end_ours(void)
{
    LP_KEEP_ERRNO;
    const struct lp_thread_control *c = in_the_way();
    return c && c->end() ? c : NULL;
}

void lp_hooks_bar_thread(void)
{
    if (lp_self.own || !lp_hooks_process())
        return;
    atomic_store(&barred, true);
    const struct lp_thread_control *ended = end_ours();
    if (ended)
        ended->leave(NULL);
}

static void start_ours(const struct lp_thread_control *c)
{
    LP_KEEP_ERRNO;
    if (!c)
        return;
    atomic_store(&differ, false);
    atomic_store(&starter, (pid_t)lp_syscall(SYS_gettid));
    c->start();
}

/* Before a call that glibc carries out in every thread. */
static const struct lp_thread_control *begin_for_all(void)
{
    pid_t like = atomic_load_explicit(&starter, memory_order_relaxed);
    bool unlike = atomic_load_explicit(&differ, memory_order_relaxed) ||
                  (like && like != (pid_t)lp_syscall(SYS_gettid));
    return unlike ? end_ours() : NULL;
}

#define FOR_ALL(name, params, args)                                                                \
    LP_FIND(name)                                                                                  \
    LP_HOOK int name params                                                                        \
    {                                                                                              \
        const struct lp_thread_control *ended = begin_for_all();                                   \
        int result = LP_REAL(name) args;                                                           \
        start_ours(ended);                                                                         \
        return result;                                                                             \
    }

FOR_ALL(setuid, (uid_t user), (user))
FOR_ALL(seteuid, (uid_t user), (user))
FOR_ALL(setreuid, (uid_t user, uid_t effective), (user, effective))
FOR_ALL(setresuid, (uid_t user, uid_t effective, uid_t saved), (user, effective, saved))
FOR_ALL(setgid, (gid_t group), (group))
FOR_ALL(setegid, (gid_t group), (group))
FOR_ALL(setregid, (gid_t group, gid_t effective), (group, effective))
FOR_ALL(setresgid, (gid_t group, gid_t effective, gid_t saved), (group, effective, saved))
FOR_ALL(setgroups, (size_t n, const gid_t *groups), (n, groups))
FOR_ALL(initgroups, (const char *user, gid_t group), (user, group))

/* The capabilities that this thread may use, now or later. */
static uint64_t permitted(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{0}, {0}};
    if (lp_syscall(SYS_capget, &head, data) != 0)
        return 0;
    return data[0].permitted | (uint64_t)data[1].permitted << 32;
}

struct change {
    bool watched;
    uint64_t before;
};

/* Before and after a call that changes the credentials of the calling thread. */
static struct change begin_for_one(void)
{
    struct change change = {.watched = in_the_way() != NULL};
    if (change.watched && getpid() == (pid_t)lp_syscall(SYS_gettid))
        change.before = permitted();
    return change;
}

static void end_for_one(const struct change *change, bool changed)
{
    if (!change->watched || !changed)
        return;
    atomic_store(&differ, true);
    if (change->before & ~permitted())
        start_ours(end_ours());
}

static bool changes_credentials(int option)
{
    return option == PR_SET_KEEPCAPS || option == PR_SET_SECUREBITS || option == PR_CAPBSET_DROP ||
           option == PR_CAP_AMBIENT;
}

static bool readable(const struct sock_fprog *filter)
{
    return lp_sys_readable(filter) && filter->len > 0 && filter->len <= BPF_MAXINSNS &&
           lp_sys_readable(filter->filter) && lp_sys_readable(&filter->filter[filter->len - 1]);
}

/* Before a call that installs a filter. What it returns is for start_ours() after the call. */
static const struct lp_thread_control *begin_filter(unsigned long mode, unsigned long flags,
                                                    const struct sock_fprog *filter)
{
    bool strict = mode == SECCOMP_MODE_STRICT;
    if (!lp_hooks_process() || (!strict && (mode != SECCOMP_MODE_FILTER || !readable(filter))))
        return NULL;
    bool all = flags & SECCOMP_FILTER_FLAG_TSYNC;
    bool first = getpid() == (pid_t)lp_syscall(SYS_gettid);
    if (!strict && lp_filter_spares_thread(filter))
        return first && !all ? end_ours() : NULL;
    atomic_store(&barred, true);
    const struct lp_thread_control *ended = first || all ? end_ours() : NULL;
    if (ended)
        ended->leave("the program's filter of system calls does not allow what it needs");
    if (strict || !lp_filter_spares_hooks(filter)) {
        lp_rate_set(0);
        lp_waits_rate_set(LP_WAITS_BLOCK, 0);
        lp_waits_rate_set(LP_WAITS_MUTEX, 0);
        lp_hooks_silence();
    }
    return NULL;
}

LP_FIND(prctl)
LP_HOOK int prctl(int option, ...)
{
    long a[4];
    va_list list;
    va_start(list, option);
    for (int i = 0; i < 4; i++)
        a[i] = va_arg(list, long);
    va_end(list);
    if (option == PR_SET_SECCOMP) {
        const struct lp_thread_control *ended =
            begin_filter((unsigned long)a[0], 0, (const struct sock_fprog *)a[1]);
        int result = LP_REAL(prctl)(option, a[0], a[1], a[2], a[3]);
        start_ours(ended);
        return result;
    }
    if (!changes_credentials(option))
        return LP_REAL(prctl)(option, a[0], a[1], a[2], a[3]);
    struct change change = begin_for_one();
    int result = LP_REAL(prctl)(option, a[0], a[1], a[2], a[3]);
    end_for_one(&change, result >= 0);
    return result;
}

/* No header of glibc declares it. */
int capset(struct __user_cap_header_struct *head, const struct __user_cap_data_struct *data);

LP_FIND(capset)
LP_HOOK int capset(struct __user_cap_header_struct *head, const struct __user_cap_data_struct *data)
{
    struct change change = begin_for_one();
    int result = LP_REAL(capset)(head, data);
    end_for_one(&change, result == 0);
    return result;
}

/* These two have no error. They return the previous id. */
#define FOR_ONE(name, params, args)                                                                \
    LP_FIND(name)                                                                                  \
    LP_HOOK int name params                                                                        \
    {                                                                                              \
        struct change change = begin_for_one();                                                    \
        int result = LP_REAL(name) args;                                                           \
        end_for_one(&change, true);                                                                \
        return result;                                                                             \
    }

FOR_ONE(setfsuid, (uid_t user), (user))
FOR_ONE(setfsgid, (gid_t group), (group))

/* Did the call fail in the way it fails in a process with more threads? It has had no effect. */
static bool wants_one_thread(long error)
{
    return error == -EINVAL || error == -EUSERS;
}

/* Such a call is made again after our thread has ended. */
#define ALONE(name, params, args)                                                                  \
    LP_FIND(name)                                                                                  \
    LP_HOOK int name params                                                                        \
    {                                                                                              \
        int result = LP_REAL(name) args;                                                           \
        const struct lp_thread_control *ended =                                                    \
            result != 0 && wants_one_thread(-errno) ? end_ours() : NULL;                           \
        if (ended)                                                                                 \
            result = LP_REAL(name) args;                                                           \
        start_ours(ended);                                                                         \
        return result;                                                                             \
    }

ALONE(unshare, (int flags), (flags))
ALONE(setns, (int fd, int kind), (fd, kind))

static long raw(long number, const long a[6])
{
    return lp_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static long raw_alone(long number, const long a[6])
{
    long result = raw(number, a);
    const struct lp_thread_control *ended = wants_one_thread(result) ? end_ours() : NULL;
    if (ended)
        result = raw(number, a);
    start_ours(ended);
    return result;
}

static long raw_for_one(long number, const long a[6])
{
    struct change change = begin_for_one();
    long result = raw(number, a);
    end_for_one(&change, result >= 0);
    return result;
}

static long raw_filter(long number, const long a[6], unsigned long mode, unsigned long flags,
                       const void *filter)
{
    const struct lp_thread_control *ended = begin_filter(mode, flags, filter);
    long result = raw(number, a);
    start_ours(ended);
    return result;
}

long lp_hooks_raw_call(long number, const long a[6])
{
    switch (number) {
    case SYS_seccomp: /* its operations are one less than the modes of prctl() */
        return raw_filter(number, a, (unsigned long)a[0] + 1, (unsigned long)a[1],
                          (const void *)a[2]);
    case SYS_unshare:
    case SYS_setns:
        return raw_alone(number, a);
    case SYS_prctl:
        return a[0] == PR_SET_SECCOMP
                   ? raw_filter(number, a, (unsigned long)a[1], 0, (const void *)a[2])
               : changes_credentials((int)a[0]) ? raw_for_one(number, a)
                                                : raw(number, a);
    case SYS_setuid:
    case SYS_setreuid:
    case SYS_setresuid:
    case SYS_setgid:
    case SYS_setregid:
    case SYS_setresgid:
    case SYS_setgroups:
    case SYS_setfsuid:
    case SYS_setfsgid:
    case SYS_capset:
        return raw_for_one(number, a);
    default:
        return raw(number, a);
    }
}
