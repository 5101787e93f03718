#include "capture/threads.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "capture/rate.h"
#include "capture/self.h"
#include "capture/unwind.h"
#include "tables/losses.h"
#include "tables/own.h"
#include "tables/stacks.h"

enum {
    PROMPT_MS = 5,    /* in which a thread takes the signal as a rule; then its mask is looked at */
    ANSWER_MS = 300,  /* for one that does not block it */
    FINISH_MS = 1000, /* for one that has begun to answer */
    BUSY_TRIES = 5,   /* for one that was inside the profiler just then */
};

/* How a slot goes: ASKED -> WRITING -> DONE or BUSY by the asked thread; ASKED -> GIVEN_UP by the
 * asker, -> RETURNED when the signal arrives after all. A slot that was given up belongs to its
 * thread until then, so that nobody writes into memory that means something else by now, and the
 * thread is not sent another signal that it does not take. */
enum { ASKED, WRITING, DONE, BUSY, GIVEN_UP, RETURNED };

struct slot {
    _Atomic uint32_t state;
    uint32_t nframes;
    uintptr_t frames[LP_FRAMES_MAX];
    char stack[64 << 10] __attribute__((aligned(16))); /* where the asked thread works it out */
};

enum { PENDING_MAX = 64 };

static struct slot *slot;
static struct pending {
    pid_t tid;
    struct slot *slot;
} pending[PENDING_MAX];
static int signal_number;
static bool wary; /* there was a thread that blocks the signal: look before asking */

static long futex(_Atomic uint32_t *word, int op, uint32_t value, const struct timespec *timeout)
{
    return syscall(SYS_futex, word, op, value, timeout, NULL, 0);
}

static void unwind_into(struct slot *s, void *ucontext)
{
    s->nframes = lp_unwind_context(s->frames, LP_FRAMES_MAX, ucontext);
}

/* The thread may be on a signal stack of 2 KiB, or a coroutine's: take no more of it than the
 * kernel did. */
static void unwind_on_stack_of(struct slot *s, void *ucontext)
{
    void *top = s->stack + sizeof s->stack;
    __asm__ volatile("mov %%rsp, %%rbx\n\t"
                     "mov %[top], %%rsp\n\t"
                     "call *%[function]\n\t"
                     "mov %%rbx, %%rsp"
                     : [top] "+r"(top), "+D"(s), "+S"(ucontext)
                     : [function] "r"(unwind_into)
                     : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "xmm0", "xmm1", "xmm2",
                       "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",
                       "xmm12", "xmm13", "xmm14", "xmm15", "memory", "cc");
}

static void answer(int number, siginfo_t *info, void *ucontext)
{
    (void)number;
    if (info->si_code != SI_QUEUE || info->si_pid != getpid() || !info->si_value.sival_ptr)
        return;
    int kept = errno;
    struct slot *s = info->si_value.sival_ptr;
    uint32_t seen = ASKED;
    if (atomic_compare_exchange_strong(&s->state, &seen, WRITING)) {
        uint32_t result = BUSY;
        if (!lp_self.busy) { /* else libunwind may be half way through something here */
            lp_self.busy = true;
            unwind_on_stack_of(s, ucontext);
            lp_self.busy = false;
            result = DONE;
        }
        atomic_store(&s->state, result);
        futex(&s->state, FUTEX_WAKE_PRIVATE, 1, NULL);
    } else {
        atomic_store(&s->state, RETURNED);
    }
    errno = kept;
}

/* A signal that nobody uses, from the top down: programs count up from SIGRTMIN. */
static int install(void)
{
    struct sigaction now; /* the program may have reset all signals since */
    if (signal_number && sigaction(signal_number, NULL, &now) == 0 && now.sa_sigaction == answer)
        return 0;
    signal_number = 0;
    for (int n = SIGRTMAX - 1; n > SIGRTMIN; n--) {
        struct sigaction old,
            action = {.sa_sigaction = answer, .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};
        sigfillset(&action.sa_mask);
        if (sigaction(n, NULL, &old) != 0 || old.sa_handler != SIG_DFL)
            continue;
        if (sigaction(n, &action, NULL) != 0)
            return -errno;
        signal_number = n;
        return 0;
    }
    return -EBUSY;
}

static bool wait_while(uint32_t state, int ms)
{
    int64_t until = lp_now_ns() + ms * INT64_C(1000000);
    while (atomic_load(&slot->state) == state) {
        int64_t left = until - lp_now_ns();
        if (left <= 0)
            return false;
        struct timespec t = {left / 1000000000, left % 1000000000};
        futex(&slot->state, FUTEX_WAIT_PRIVATE, state, &t);
    }
    return true;
}

/* Leaves the slot to the thread that did not answer. Past PENDING_MAX such threads a slot is lost.
 */
static void leave_slot(pid_t tid)
{
    for (int i = 0; i < PENDING_MAX; i++) {
        if (!pending[i].slot) {
            pending[i] = (struct pending){tid, slot};
            break;
        }
    }
    slot = NULL;
}

/* Has this thread still a signal to take? Slots of those that took it, or ended, come back. */
static bool still_pending(pid_t tid)
{
    bool found = false;
    for (int i = 0; i < PENDING_MAX; i++) {
        struct pending *p = &pending[i];
        if (!p->slot)
            continue;
        uint32_t state = atomic_load(&p->slot->state);
        bool ended = syscall(SYS_tgkill, getpid(), p->tid, 0) != 0;
        if (ended || state == RETURNED || state == DONE || state == BUSY) {
            if (!slot)
                slot = p->slot;
            else
                lp_own_unmap(p->slot, sizeof *p->slot, LP_OWN_THREADS);
            p->slot = NULL;
        } else if (p->tid == tid) {
            found = true;
        }
    }
    return found;
}

static ssize_t read_small(pid_t tid, const char *what, char *text, size_t room)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/%s", (int)tid, what);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t n = read(fd, text, room - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    return n;
}

/* Does the thread block our signal? Then it would stay pending, perhaps for ever. */
static bool blocks_signal(pid_t tid)
{
    char text[4096];
    unsigned long long blocked;
    if (read_small(tid, "status", text, sizeof text) <= 0)
        return false;
    const char *line = strstr(text, "\nSigBlk:");
    return line && sscanf(line, "\nSigBlk: %llx", &blocked) == 1 &&
           (blocked >> (signal_number - 1) & 1);
}

/* Until the signal is taken, or it is clear that it will not be. */
static bool taken(pid_t tid)
{
    if (wait_while(ASKED, PROMPT_MS))
        return true;
    if (blocks_signal(tid)) {
        wary = true;
        return false;
    }
    return wait_while(ASKED, ANSWER_MS);
}

static uint32_t ask_once(pid_t tid)
{
    if (still_pending(tid) || (wary && blocks_signal(tid)))
        return GIVEN_UP;
    if (!slot && !(slot = lp_own_map(sizeof *slot, LP_OWN_THREADS)))
        return GIVEN_UP;

    siginfo_t info = {.si_signo = signal_number, .si_code = SI_QUEUE};
    info.si_pid = getpid();
    info.si_uid = getuid();
    info.si_value.sival_ptr = slot;
    atomic_store(&slot->state, ASKED);
    if (syscall(SYS_rt_tgsigqueueinfo, getpid(), tid, signal_number, &info) != 0)
        return GIVEN_UP;

    uint32_t seen = ASKED;
    if (!taken(tid) && atomic_compare_exchange_strong(&slot->state, &seen, GIVEN_UP)) {
        leave_slot(tid);
        return GIVEN_UP;
    }
    if (!wait_while(WRITING, FINISH_MS)) {
        leave_slot(tid);
        return GIVEN_UP;
    }
    return atomic_load(&slot->state);
}

static uint32_t ask(pid_t tid)
{
    for (int try = 0; try < BUSY_TRIES; try++) {
        uint32_t result = ask_once(tid);
        if (result == DONE)
            return slot->nframes ? lp_stack_intern(slot->frames, slot->nframes) : LP_STACK_NONE;
        if (result != BUSY)
            break;
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    }
    return LP_STACK_SILENT;
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

/* The system calls that threads wait in; others are shown by number. */
static const char *call_name(long number)
{
    static const struct {
        long number;
        const char *name;
    } names[] = {
        {SYS_futex, "futex"},
        {SYS_epoll_wait, "epoll_wait"},
        {SYS_epoll_pwait, "epoll_wait"},
        {SYS_poll, "poll"},
        {SYS_ppoll, "poll"},
        {SYS_select, "select"},
        {SYS_pselect6, "select"},
        {SYS_nanosleep, "sleep"},
        {SYS_clock_nanosleep, "sleep"},
        {SYS_read, "read"},
        {SYS_write, "write"},
        {SYS_recvfrom, "recv"},
        {SYS_recvmsg, "recv"},
        {SYS_sendto, "send"},
        {SYS_sendmsg, "send"},
        {SYS_accept, "accept"},
        {SYS_accept4, "accept"},
        {SYS_connect, "connect"},
        {SYS_wait4, "wait"},
        {SYS_waitid, "wait"},
        {SYS_rt_sigtimedwait, "sigwait"},
        {SYS_rt_sigsuspend, "sigsuspend"},
        {SYS_pause, "pause"},
        {SYS_flock, "flock"},
        {SYS_fsync, "fsync"},
        {SYS_io_getevents, "io_getevents"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].number == number)
            return names[i].name;
    return NULL;
}

/* Before the signal is sent, for the signal itself changes both. */
static void describe(struct lp_thread_seen *seen, int64_t boot_ns)
{
    char text[512] = "", *p;
    seen->age_ns = -1;
    snprintf(seen->state, sizeof seen->state, "unknown");
    if (read_small(seen->tid, "stat", text, sizeof text) > 0 && (p = strrchr(text, ')')) &&
        strlen(p) > 2) {
        char state = p[2];
        *p = '\0';
        const char *name = strchr(text, '(');
        snprintf(seen->name, sizeof seen->name, "%.15s", name ? name + 1 : "");
        snprintf(seen->state, sizeof seen->state, "%s", state_word(state));

        unsigned long long ticks; /* field 22, after the name comes field 3 */
        char *field = p + 2;
        for (int i = 3; i < 22 && field; i++)
            field = strchr(field + 1, ' ');
        if (field && sscanf(field, "%llu", &ticks) == 1)
            seen->age_ns = boot_ns - (int64_t)ticks * (1000000000 / sysconf(_SC_CLK_TCK));
        if (state == 'R')
            return;
    }
    if (read_small(seen->tid, "syscall", text, sizeof text) > 0 && text[0] >= '0' &&
        text[0] <= '9') {
        long number = strtol(text, NULL, 10);
        const char *name = call_name(number);
        size_t used = strlen(seen->state);
        if (name)
            snprintf(seen->state + used, sizeof seen->state - used, ", in %s", name);
        else
            snprintf(seen->state + used, sizeof seen->state - used, ", in system call %ld", number);
    }
}

int lp_threads_walk(void (*visit)(const struct lp_thread_seen *thread, void *arg), void *arg)
{
    int result = install();
    if (result)
        return result;
    DIR *dir = opendir("/proc/self/task");
    if (!dir)
        return -errno;

    struct timespec boot;
    clock_gettime(CLOCK_BOOTTIME, &boot);
    int64_t boot_ns = (int64_t)boot.tv_sec * 1000000000 + boot.tv_nsec;

    for (struct dirent *entry; (entry = readdir(dir));) {
        struct lp_thread_seen seen = {.tid = (pid_t)strtol(entry->d_name, NULL, 10)};
        if (seen.tid <= 0 || lp_own_thread(seen.tid))
            continue;
        describe(&seen, boot_ns);
        seen.stack = ask(seen.tid);
        if (seen.stack == LP_STACK_SILENT) {
            if (syscall(SYS_tgkill, getpid(), seen.tid, 0) != 0)
                continue; /* it has ended meanwhile */
            lp_loss(LP_LOSS_THREAD_SILENT);
        }
        visit(&seen, arg);
    }
    closedir(dir);
    return 0;
}
