#include "record/self.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "record/owntable.h"
#include "sys/pages.h"
#include "sys/clock.h"
#include "sys/syscall.h"
#include "sys/valgrind.h"

__thread struct lp_self lp_self;

static struct {
    _Atomic pid_t tid; /* 0: free */
    _Atomic uintptr_t handle;
    _Atomic bool shares;
} own_threads[LP_OWN_THREADS_MAX];
static _Atomic bool apart; /* they have a descriptor table of their own */
static _Atomic int64_t own_heap, own_heap_peak;
static _Atomic int64_t ended_cpu_ns; /* of those that have ended */

static void enter_list(bool shares)
{
    pid_t tid = (pid_t)lp_syscall(SYS_gettid);
    for (int i = 0; i < LP_OWN_THREADS_MAX; i++) {
        pid_t none = 0;
        if (!atomic_compare_exchange_strong(&own_threads[i].tid, &none, tid))
            continue;
        atomic_store(&own_threads[i].handle, (uintptr_t)pthread_self());
        atomic_store(&own_threads[i].shares, shares);
        return;
    }
}

int lp_own_enter(void)
{
    int previous = lp_self.own;
    lp_sys_valgrind_silence();
    lp_self.own = true;
    lp_self.due = lp_self.generation = 0; /* so that every allocation is examined */
    lp_self.counts = NULL;
    return previous;
}

void lp_own_leave(int previous)
{
    lp_self.own = previous;
    lp_sys_valgrind_report();
}

/* Opens /dev/null where libraries expect the standard streams. Otherwise their output could go into
 * a connection that happens to have the number. If it cannot be opened (another root, a mount
 * without devices), a descriptor that can be neither read nor written takes the number. */
static int null_at(int fd)
{
    long null = lp_syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0)
        null = lp_syscall(SYS_openat, AT_FDCWD, "/", O_PATH | O_CLOEXEC);
    return null == fd ? 0 : null < 0 ? (int)null : -EIO;
}

static int own_stderr = -1;

static int leave_descriptors(void)
{
#ifdef __SANITIZE_THREAD__
    return 0; /* it takes equal numbers for the same descriptor, so keep the table */
#endif
    int error = lp_own_table_enter();
    lp_self.apart = !error;
    atomic_store(&apart, !error);
    if (!error) {
        long copy = lp_syscall(SYS_fcntl, STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        own_stderr = copy < 0 ? -1 : (int)copy;
        for (int fd = 0; fd <= STDERR_FILENO; fd++)
            lp_syscall(SYS_close, fd);
    }
    for (int fd = 0; fd <= STDERR_FILENO && !error; fd++)
        error = null_at(fd);
    return error;
}

int lp_own_thread_enter(void)
{
    lp_own_enter();
    lp_sys_valgrind_report(); /* it prints a warning if such a thread ends otherwise, at exec */
    int error = leave_descriptors();
    /* If a filter refuses this, the program's changes apply to this thread too. */
    lp_syscall(SYS_unshare, CLONE_FS);
    if (!error)
        enter_list(false);
    return error;
}

void lp_own_helper_enter(void)
{
    lp_own_enter();
    lp_sys_valgrind_report(); /* as above */
    lp_self.apart = atomic_load(&apart);
    enter_list(true);
}

int lp_own_stderr(void)
{
    return own_stderr;
}

void lp_own_thread_leave(void)
{
    pid_t tid = (pid_t)lp_syscall(SYS_gettid);
    for (int i = 0; i < LP_OWN_THREADS_MAX; i++)
        if (atomic_load(&own_threads[i].tid) == tid) {
            atomic_store(&own_threads[i].handle, 0);
            atomic_store(&own_threads[i].tid, 0);
        }
    atomic_fetch_add(&ended_cpu_ns, lp_clock_ns(CLOCK_THREAD_CPUTIME_ID));
}

bool lp_own_thread(pid_t tid)
{
    for (int i = 0; i < LP_OWN_THREADS_MAX; i++)
        if (atomic_load(&own_threads[i].tid) == tid)
            return true;
    return false;
}

bool lp_own_thread_is(uintptr_t handle)
{
    for (int i = 0; i < LP_OWN_THREADS_MAX; i++)
        if (atomic_load(&own_threads[i].handle) == handle)
            return true;
    return false;
}

bool lp_own_thread_shares(int i)
{
    return atomic_load(&own_threads[i].shares);
}

bool lp_own_apart(void)
{
    return lp_self.apart;
}

int lp_own_threads(void)
{
    int n = 0;
    for (int i = 0; i < LP_OWN_THREADS_MAX; i++)
        n += atomic_load(&own_threads[i].tid) != 0;
    return n;
}

int64_t lp_own_threads_cpu_ns(void)
{
    int64_t ns = atomic_load(&ended_cpu_ns);
    for (int i = 0; i < LP_OWN_THREADS_MAX; i++) {
        pid_t tid = atomic_load(&own_threads[i].tid);
        ns += tid ? lp_clock_ns(lp_cpu_clock_of(tid)) : 0;
    }
    return ns;
}

pid_t lp_own_thread_at(int i)
{
    return i < LP_OWN_THREADS_MAX ? atomic_load(&own_threads[i].tid) : 0;
}

static __thread void (*leave_work)(void);

void lp_own_no_memory(void (*leave)(void))
{
    leave_work = leave;
}

void lp_own_refused_block(void)
{
    lp_own_refuse();
    if (leave_work)
        leave_work();
}

void lp_own_heap_add(int64_t bytes)
{
    lp_self.heap += bytes;
    int64_t now = atomic_fetch_add_explicit(&own_heap, bytes, memory_order_relaxed) + bytes;
    int64_t peak = atomic_load_explicit(&own_heap_peak, memory_order_relaxed);
    while (now > peak &&
           !atomic_compare_exchange_weak_explicit(&own_heap_peak, &peak, now, memory_order_relaxed,
                                                  memory_order_relaxed))
        ;
}

int64_t lp_own_heap(void)
{
    return atomic_load_explicit(&own_heap, memory_order_relaxed);
}

int64_t lp_own_heap_here(void)
{
    return lp_self.heap;
}

int64_t lp_own_heap_peak(void)
{
    return atomic_exchange(&own_heap_peak, lp_own_heap());
}

void lp_own_threads_forget(void)
{
    for (int i = 0; i < LP_OWN_THREADS_MAX; i++)
        if (atomic_load(&own_threads[i].tid) !=
            0) { /* a store would make the kernel copy the page */
            atomic_store(&own_threads[i].handle, 0);
            atomic_store(&own_threads[i].tid, 0);
        }
    if (atomic_load(&ended_cpu_ns) != 0) /* the child's CPU clock starts at 0 */
        atomic_store(&ended_cpu_ns, 0);
}
