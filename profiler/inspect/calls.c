#include "inspect/calls.h"

#include <dlfcn.h>
#include <link.h>
#include <stddef.h>
#include <sys/syscall.h>

#include "inspect/functions.h"
#include "record/stacks.h"

static const struct lp_call calls[] = {
    {SYS_futex, "futex", false},
    {SYS_epoll_wait, "epoll_wait", true},
    {SYS_epoll_pwait, "epoll_wait", true},
    {SYS_poll, "poll", false},
    {SYS_ppoll, "poll", false},
    {SYS_select, "select", false},
    {SYS_pselect6, "select", false},
    {SYS_nanosleep, "sleep", false},
    {SYS_clock_nanosleep, "sleep", false},
    {SYS_read, "read", true},
    {SYS_readv, "read", true},
    {SYS_pread64, "read", true},
    {SYS_write, "write", true},
    {SYS_writev, "write", true},
    {SYS_pwrite64, "write", true},
    {SYS_recvfrom, "recv", true},
    {SYS_recvmsg, "recv", true},
    {SYS_sendto, "send", true},
    {SYS_sendmsg, "send", true},
    {SYS_accept, "accept", true},
    {SYS_accept4, "accept", true},
    {SYS_connect, "connect", true},
    {SYS_wait4, "wait", false},
    {SYS_waitid, "wait", false},
    {SYS_rt_sigtimedwait, "sigwait", false},
    {SYS_rt_sigsuspend, "sigsuspend", false},
    {SYS_pause, "pause", false},
    {SYS_flock, "flock", true},
    {SYS_fsync, "fsync", true},
    {SYS_io_getevents, "io_getevents", false},
};

const struct lp_call *lp_call_of(long number)
{
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (calls[i].number == number)
            return &calls[i];
    return NULL;
}

/* libc's functions that wait on a futex. In a stack they show what the futex belongs to. Some of
 * them end in a jump to a static function, which then stands in the stack instead. */
static struct waiter {
    const char *function, *what;
    struct lp_function itself, rest;
} waiters[] = {
    {.function = "pthread_mutex_lock", .what = "mutex"},
    {.function = "pthread_mutex_timedlock", .what = "mutex"},
    {.function = "pthread_mutex_clocklock", .what = "mutex"},
    {.function = "mtx_lock", .what = "mutex"},
    {.function = "mtx_timedlock", .what = "mutex"},
    {.function = "pthread_cond_wait", .what = "condition"},
    {.function = "pthread_cond_timedwait", .what = "condition"},
    {.function = "pthread_cond_clockwait", .what = "condition"},
    {.function = "cnd_wait", .what = "condition"},
    {.function = "cnd_timedwait", .what = "condition"},
    {.function = "pthread_rwlock_rdlock", .what = "rwlock, to read"},
    {.function = "pthread_rwlock_wrlock", .what = "rwlock, to write"},
    {.function = "sem_wait", .what = "semaphore"},
    {.function = "sem_timedwait", .what = "semaphore"},
    {.function = "pthread_barrier_wait", .what = "barrier"},
    {.function = "pthread_once", .what = "once"},
};

/* If another library interposes one of them, as a sanitizer does, waits in it have no name. */
__attribute__((constructor(101))) static void find_waiters(void)
{
    for (size_t i = 0; i < sizeof waiters / sizeof *waiters; i++) {
        struct waiter *w = &waiters[i];
        void *address = dlsym(RTLD_NEXT, w->function);
        const ElfW(Sym) *symbol = NULL;
        Dl_info info;
        if (address && dladdr1(address, &info, (void **)&symbol, RTLD_DL_SYMENT) && symbol) {
            w->itself.start = (uintptr_t)address;
            w->itself.end = w->itself.start + symbol->st_size;
        }
    }
}

/* Not in the constructor, when a reporter cannot call its recorder yet. */
static void find_rests(void)
{
    static bool done;
    for (size_t i = 0; !done && i < sizeof waiters / sizeof *waiters; i++)
        lp_function_jumps_to(&waiters[i].itself, &waiters[i].rest);
    done = true;
}

static bool inside(const struct lp_function *function, uintptr_t address)
{
    return address >= function->start && address < function->end;
}

const char *lp_call_waits_for(uint32_t id)
{
    enum { NEAR = 4 }; /* the most frames of libc's own */
    struct lp_stack stack = lp_stack_get(id);
    find_rests();
    for (uint32_t f = 0; f < stack.nframes && f < NEAR; f++)
        for (size_t i = 0; i < sizeof waiters / sizeof *waiters; i++)
            if (inside(&waiters[i].itself, stack.frames[f]) ||
                inside(&waiters[i].rest, stack.frames[f]))
                return waiters[i].what;
    return NULL;
}
