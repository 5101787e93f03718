#include "inspect/threads.h"

#include <dlfcn.h>
#include <errno.h>
#include <linux/futex.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "inspect/interrupt.h"
#include "sys/peek.h"
#include "sys/clock.h"
#include "inspect/task.h"
#include "sys/losses.h"
#include "sys/syscall.h"
#include "record/stacks.h"

/* What was seen of a thread at the last look. If it has gone to sleep only once since then (after
 * our signal) and has the same stack, it has been there all the time. */
struct memory {
    pid_t tid;
    uint32_t stack;
    long switches;
    int64_t since; /* lp_now_ns() */
};

static struct memory *memories; /* by tid */
static size_t nmemories;

/* lp_task_rest() takes longer than the signal. If there are thousands of new threads, it is called
 * only for as many as fit into this time. */
enum { FIRST_LOOK_MS = 120 };

struct walk {
    int64_t began_ns;
    const pid_t *tids;
    size_t n;
    struct memory *now;
    int64_t *rest; /* lp_task_rest() of each, before its signal */
    void (*visit)(const struct lp_thread_seen *thread, void *arg);
    void *arg;
};

static int by_tid(const void *x, const void *y)
{
    pid_t a = ((const struct memory *)x)->tid, b = ((const struct memory *)y)->tid;
    return (a > b) - (a < b);
}

static const struct memory *remembered(pid_t tid)
{
    struct memory key = {.tid = tid};
    return nmemories ? bsearch(&key, memories, nmemories, sizeof key, by_tid) : NULL;
}

static const char *state_word(char state)
{
    switch (state) {
    case 'R':
        return "running";
    case 'S':
        return "sleeping";
    case 'D':
        return "in uninterruptible sleep";
    case 'T':
    case 't':
        return "stopped";
    case 'Z':
    case 'X':
        return "exited";
    default:
        return "idle";
    }
}

/* The system calls that threads wait in. Others are shown by number. `fd`: the first argument is a
 * descriptor. */
static const struct call {
    long number;
    const char *name;
    bool fd;
} calls[] = {
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

static const struct call *call_of(long number)
{
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (calls[i].number == number)
            return &calls[i];
    return NULL;
}

/* libc's functions that wait on a futex. In a stack they show what the futex belongs to. */
static struct waiter {
    const char *function, *what;
    uintptr_t start, end;
} waiters[] = {
    {.function = "pthread_mutex_lock", .what = "mutex"},
    {.function = "pthread_mutex_timedlock", .what = "mutex"},
    {.function = "pthread_mutex_clocklock", .what = "mutex"},
    {.function = "mtx_lock", .what = "mutex"},
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
            w->start = (uintptr_t)address;
            w->end = w->start + symbol->st_size;
        }
    }
}

static const char *waits_for(uint32_t id)
{
    enum { NEAR = 4 }; /* the most frames of libc's own */
    struct lp_stack stack = lp_stack_get(id);
    for (uint32_t f = 0; f < stack.nframes && f < NEAR; f++)
        for (size_t i = 0; i < sizeof waiters / sizeof *waiters; i++)
            if (stack.frames[f] >= waiters[i].start && stack.frames[f] < waiters[i].end)
                return waiters[i].what;
    return NULL;
}

/* Reads a word of the program's memory. */
static bool peek(uintptr_t address, int32_t *word)
{
    return lp_peek(address, word, sizeof *word);
}

static bool is_thread(const struct walk *walk, int32_t tid)
{
    struct memory key = {.tid = tid};
    return bsearch(&key, walk->now, walk->n, sizeof key, by_tid);
}

/* A join waits on a shared futex, the word that holds the thread's number, until it is cleared. A
 * mutex has its owner two words after the one that is waited on. */
static void describe_futex(const struct walk *walk, const struct lp_interrupted *answer, char *text,
                           size_t capacity)
{
    uintptr_t futex = answer->args[0];
    uintptr_t operation = answer->args[1] & FUTEX_CMD_MASK;
    bool shared = !(answer->args[1] & FUTEX_PRIVATE_FLAG);
    bool waits = operation == FUTEX_WAIT || operation == FUTEX_WAIT_BITSET;
    int32_t expected = (int32_t)answer->args[2], word;
    const char *what = waits_for(answer->stack);

    if (!what && waits && shared && is_thread(walk, expected) && peek(futex, &word) &&
        word == expected)
        snprintf(text, capacity, " (join of thread %d)", word);
    else if (what && strcmp(what, "mutex") == 0 && peek(futex + 2 * sizeof word, &word) &&
             is_thread(walk, word))
        snprintf(text, capacity, " %#lx (mutex held by thread %d)", futex, word);
    else if (what)
        snprintf(text, capacity, " %#lx (%s)", futex, what);
    else
        snprintf(text, capacity, " %#lx", futex);
}

static void describe_call(const struct walk *walk, const struct lp_interrupted *answer, char *text,
                          size_t capacity)
{
    const struct call *call = call_of(answer->call);
    int n;

    if (answer->call == LP_CALL_UNKNOWN) {
        snprintf(text, capacity, "sleeping, in a system call");
        return;
    }
    if (!call) {
        snprintf(text, capacity, "sleeping, in system call %ld", answer->call);
        return;
    }
    n = snprintf(text, capacity, "sleeping, in %s", call->name);
    if (call->number == SYS_futex)
        describe_futex(walk, answer, text + n, capacity - (size_t)n);
    else if (call->fd)
        snprintf(text + n, capacity - (size_t)n, " of fd %d", (int)answer->args[0]);
}

/* A silent thread. */
static bool describe_silent(struct lp_thread_seen *seen)
{
    char text[512] = "", *p;
    if (lp_syscall(SYS_tgkill, getpid(), seen->tid, 0) != 0)
        return false; /* it has ended meanwhile */
    lp_loss(LP_LOSS_THREAD_SILENT);
    snprintf(seen->state, sizeof seen->state, "unknown");
    if (lp_task_read(seen->tid, "stat", text, sizeof text) > 0 && (p = strrchr(text, ')')) &&
        strlen(p) > 2) {
        char state = p[2];
        *p = '\0';
        const char *name = strchr(text, '(');
        snprintf(seen->name, sizeof seen->name, "%.15s", name ? name + 1 : "");
        snprintf(seen->state, sizeof seen->state, "%s", state_word(state));
        if (state == 'R')
            return true;
    }
    if (lp_task_read(seen->tid, "syscall", text, sizeof text) > 0 && text[0] >= '0' &&
        text[0] <= '9') {
        const struct call *call = call_of(strtol(text, NULL, 10));
        size_t used = strlen(seen->state);
        snprintf(seen->state + used, sizeof seen->state - used, ", in %s%.*s",
                 call ? call->name : "system call ", call ? 0 : (int)strcspn(text, " "), text);
    }
    return true;
}

/* The signal makes a thread run, so its rest must be read before the signal. */
static void soon(size_t i, void *arg)
{
    struct walk *walk = arg;
    const struct memory *before = remembered(walk->tids[i]);
    bool ask = !before && lp_now_ns() - walk->began_ns < FIRST_LOOK_MS * INT64_C(1000000);
    walk->rest[i] = ask ? lp_task_rest(walk->tids[i]) : -1;
}

static void visit(size_t i, const struct lp_interrupted *answer, void *arg)
{
    struct walk *walk = arg;
    struct lp_thread_seen seen = {.tid = answer->tid, .stack = answer->stack, .state_ns = -1};
    struct memory *now = &walk->now[i];

    if (answer->stack == LP_STACK_SILENT) {
        if (describe_silent(&seen))
            walk->visit(&seen, walk->arg);
        return;
    }
    memcpy(seen.name, answer->name, sizeof seen.name);
    now->stack = answer->stack;
    now->switches = answer->switches_now;
    if (answer->call == LP_CALL_NONE) {
        snprintf(seen.state, sizeof seen.state, "running");
    } else {
        int64_t t = lp_now_ns();
        const struct memory *before = remembered(seen.tid);
        bool same = before && before->since && before->stack == now->stack &&
                    before->switches + 1 == answer->switches;
        describe_call(walk, answer, seen.state, sizeof seen.state);
        seen.state_ns = same ? t - before->since : walk->rest[i];
        now->since = t - (seen.state_ns > 0 ? seen.state_ns : 0);
    }
    walk->visit(&seen, walk->arg);
}

int lp_threads_walk(const pid_t *tids, size_t n,
                    void (*each)(const struct lp_thread_seen *thread, void *arg), void *arg)
{
    struct walk walk = {.began_ns = lp_now_ns(), .tids = tids, .n = n, .visit = each, .arg = arg};
    int result = -ENOMEM;

    walk.now = calloc(n + 1, sizeof *walk.now);
    walk.rest = calloc(n + 1, sizeof *walk.rest);
    if (walk.now && walk.rest) {
        for (size_t i = 0; i < n; i++)
            walk.now[i].tid = tids[i];
        lp_task_clocks();
        lp_peek_begin();
        result = lp_interrupt_each(tids, n, soon, visit, &walk);
        lp_peek_end();
        free(memories);
        memories = walk.now;
        nmemories = n;
        walk.now = NULL;
    }
    free(walk.now);
    free(walk.rest);
    return result;
}
