#include "inspect/interrupt.h"

#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "sys/action.h"
#include "sys/altstack.h"
#include "sys/keep_errno.h"
#include "sys/clock.h"
#include "inspect/task.h"
#include "record/interrupted.h"
#include "record/unwind.h"
#include "sys/pages.h"
#include "sys/syscall.h"
#include "record/stacks.h"

enum {
    WINDOW = 64,       /* the most signals under way, once the first was handled (power of two) */
    PROMPT_MS = 5,     /* most threads take the signal in this time; after it, the mask is read */
    STUCK_MS = 100,    /* for a thread that the kernel holds */
    ANSWER_MS = 1000,  /* for a thread that only waits for a processor, */
    ANSWERS_MS = 3000, /* and for all that had it in vain, in one look */
    FINISH_MS = 1000,  /* for a handler that has begun */
    BUSY_TRIES = 5,    /* for a thread that was inside the profiler */
};

/* The states of a slot. The handler: ASKED -> WRITING -> DONE or BUSY. This thread: ASKED ->
 * GIVEN_UP. A handler that runs after all: GIVEN_UP -> RETURNED. Until then a slot that was given
 * up belongs to its thread: its memory is not reused, because the handler may still write to it,
 * and the thread is not sent a second signal. */
enum { ASKED, WRITING, DONE, BUSY, GIVEN_UP, RETURNED };

struct slot {
    _Atomic uint32_t state;
    _Atomic bool awaited; /* the profiler's thread sleeps on the state */
    int nframes;          /* -EBUSY: the signal interrupted the profiler */
    struct lp_interrupted answer;
    uintptr_t frames[LP_FRAMES_MAX];
    char stack[LP_ALTSTACK_BYTES] __attribute__((aligned(16))); /* for the handler */
};

static struct slot *spare[WINDOW];
static int nspare;

enum { PENDING_MAX = 64 };
static struct pending {
    pid_t tid;
    struct slot *slot;
} pending[PENDING_MAX];

static int signal_number;

/* Not a private futex: since Linux 6.16 a process has few hash buckets of its own for those, and a
 * wake walks past all threads of the program that wait in the same one. */
static void futex(_Atomic uint32_t *word, int op, uint32_t value, const struct timespec *timeout)
{
    lp_syscall(SYS_futex, word, op, value, timeout);
}

static const unsigned char SYSCALL[] = {0x0f, 0x05};
enum { MOV_EAX = 0xb8, MOV_BYTES = 5 };

/* Finds the call that the thread was waiting in. If the kernel has set the thread back to the
 * call's instruction, to restart it, the number is in its register. Otherwise the call ended with
 * EINTR, and the number is in the instruction before it, if the code is like libc's. */
static void find_call(struct lp_interrupted *answer, const gregset_t registers)
{
    static const int arguments[] = {REG_RDI, REG_RSI, REG_RDX, REG_R10, REG_R8, REG_R9};
    const unsigned char *next = (const unsigned char *)registers[REG_RIP];
    uintptr_t in_page = (uintptr_t)next & (LP_PAGE - 1);

    answer->call = LP_CALL_NONE;
    answer->sp = (uintptr_t)registers[REG_RSP];
    answer->next = (uintptr_t)next;
    if (in_page <= LP_PAGE - sizeof SYSCALL && memcmp(next, SYSCALL, sizeof SYSCALL) == 0) {
        answer->call = (long)registers[REG_RAX];
        answer->next += sizeof SYSCALL;
    } else if (registers[REG_RAX] == -EINTR && in_page >= sizeof SYSCALL &&
               memcmp(next - sizeof SYSCALL, SYSCALL, sizeof SYSCALL) == 0) {
        const unsigned char *load = next - sizeof SYSCALL - MOV_BYTES;
        int32_t number;
        answer->call = LP_CALL_UNKNOWN;
        if (in_page >= sizeof SYSCALL + MOV_BYTES && load[0] == MOV_EAX) {
            memcpy(&number, load + 1, sizeof number);
            answer->call = number;
        }
    }
    for (int i = 0; i < 6; i++)
        answer->args[i] = (uintptr_t)registers[arguments[i]];
}

static long switches(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_nvcsw : 0;
}

static void work_out(void *arg, void *ucontext)
{
    struct slot *s = arg;
    s->answer.switches = switches();
    find_call(&s->answer, ((ucontext_t *)ucontext)->uc_mcontext.gregs);
    lp_syscall(SYS_prctl, PR_GET_NAME, s->answer.name);
    s->nframes = lp_stack_interrupted(s->frames, LP_FRAMES_MAX, ucontext);
    s->answer.switches_now = switches();
}

static void answer(int number, siginfo_t *info, void *ucontext)
{
    (void)number;
    if (info->si_code != SI_QUEUE || info->si_pid != getpid() || !info->si_value.sival_ptr)
        return;
    LP_KEEP_ERRNO;
    struct slot *s = info->si_value.sival_ptr;
    uint32_t seen = ASKED;
    if (atomic_compare_exchange_strong(&s->state, &seen, WRITING)) {
        lp_call_on_stack(s->stack + sizeof s->stack, work_out, s, ucontext);
        atomic_store(&s->state, s->nframes == -EBUSY ? BUSY : DONE);
        if (atomic_load(&s->awaited))
            futex(&s->state, FUTEX_WAKE, 1, NULL);
    } else {
        atomic_store(&s->state, RETURNED);
    }
    lp_interrupted(ucontext);
}

/* Finds an unused signal, from the highest down: programs count up from SIGRTMIN. */
static int install(void)
{
    struct sigaction now; /* the program may have reset all signals since */
    if (signal_number && lp_sys_action(signal_number, NULL, &now) == 0 &&
        now.sa_sigaction == answer)
        return 0;
    if (signal_number)
        lp_own_signal_end(signal_number);
    signal_number = 0;
    for (int n = SIGRTMAX - 1; n > SIGRTMIN; n--) {
        struct sigaction old,
            action = {.sa_sigaction = answer, .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};
        sigfillset(&action.sa_mask);
        if (lp_sys_action(n, NULL, &old) != 0 ||
            (old.sa_handler != SIG_DFL && old.sa_sigaction != answer)) /* its parent installed it */
            continue;
        if (lp_sys_action(n, &action, NULL) != 0)
            return -errno;
        signal_number = n;
        lp_own_signal_begin(n);
        return 0;
    }
    return -EBUSY;
}

static bool wait_while(struct slot *slot, uint32_t state, int64_t until)
{
    while (atomic_load(&slot->state) == state) {
        int64_t left = until - lp_now_ns();
        if (left <= 0)
            return false;
        struct timespec t = {left / 1000000000, left % 1000000000};
        atomic_store(&slot->awaited, true);
        futex(&slot->state, FUTEX_WAIT, state, &t);
    }
    return true;
}

static struct slot *new_slot(void)
{
    return nspare ? spare[--nspare] : lp_own_map(sizeof(struct slot), LP_OWN_THREADS);
}

static void put_back(struct slot *slot)
{
    if (nspare < WINDOW)
        spare[nspare++] = slot;
    else
        lp_own_unmap(slot, sizeof *slot, LP_OWN_THREADS);
}

/* Leaves the slot to the silent thread. If there are more than PENDING_MAX such threads, the memory
 * is lost. */
static void leave_slot(pid_t tid, struct slot *slot)
{
    for (int i = 0; i < PENDING_MAX; i++) {
        if (!pending[i].slot) {
            pending[i] = (struct pending){tid, slot};
            return;
        }
    }
}

/* Is a signal to this thread still pending? Takes back the slots of threads that have handled their
 * signal or ended. */
static bool still_pending(pid_t tid)
{
    bool found = false;
    for (int i = 0; i < PENDING_MAX; i++) {
        struct pending *p = &pending[i];
        if (!p->slot)
            continue;
        uint32_t state = atomic_load(&p->slot->state);
        bool ended = lp_syscall(SYS_tgkill, getpid(), p->tid, 0) != 0;
        if (ended || state == RETURNED || state == DONE || state == BUSY) {
            put_back(p->slot);
            p->slot = NULL;
        } else if (p->tid == tid) {
            found = true;
        }
    }
    return found;
}

struct question {
    size_t i;
    pid_t tid;
    struct slot *slot; /* NULL: no signal was sent */
    int64_t sent;
    int tries;
};

static bool send(struct question *q)
{
    if (!lp_sending_begin())
        return false;
    siginfo_t info = {.si_signo = signal_number, .si_code = SI_QUEUE};
    info.si_pid = getpid();
    info.si_uid = getuid();
    info.si_value.sival_ptr = q->slot;
    atomic_store(&q->slot->awaited, false);
    atomic_store(&q->slot->state, ASKED);
    q->sent = lp_now_ns();
    q->tries++;
    long error = lp_syscall(SYS_rt_tgsigqueueinfo, getpid(), q->tid, signal_number, &info);
    lp_sending_end();
    return error == 0;
}

/* No signal is sent to a thread that blocks it: it would stay pending, where the program can see
 * it. Nor to one that waits for it. The hooks of sigwait() and similar functions leave our signal
 * out, but such a wait may have begun before it was chosen. */
static void ask(struct question *q)
{
    q->slot = NULL;
    if (still_pending(q->tid) || lp_task_blocks(q->tid, signal_number) ||
        lp_task_awaits(q->tid, signal_number) || !(q->slot = new_slot()))
        return;
    if (!send(q)) {
        put_back(q->slot);
        q->slot = NULL;
    }
}

static int64_t in_vain_ns; /* spent in this look on threads that wait for a processor */

static bool gets_a_processor(const struct question *q)
{
    int64_t began = lp_now_ns();
    if (in_vain_ns >= ANSWERS_MS * INT64_C(1000000))
        return false;
    if (wait_while(q->slot, ASKED, q->sent + ANSWER_MS * INT64_C(1000000)))
        return true;
    in_vain_ns += lp_now_ns() - began;
    return false;
}

/* Waits until the handler has begun. false: it will not run. */
static bool taken(const struct question *q)
{
    if (wait_while(q->slot, ASKED, q->sent + PROMPT_MS * INT64_C(1000000)))
        return true;
    if (lp_task_blocks(q->tid, signal_number))
        return false;
    if (wait_while(q->slot, ASKED, q->sent + STUCK_MS * INT64_C(1000000)))
        return true;
    return !lp_task_stuck(q->tid) && gets_a_processor(q);
}

/* Returns DONE, BUSY or GIVEN_UP. A slot that was given up must not be used. */
static uint32_t result_of(struct question *q)
{
    if (!q->slot)
        return GIVEN_UP;
    uint32_t seen = ASKED;
    if ((!taken(q) && atomic_compare_exchange_strong(&q->slot->state, &seen, GIVEN_UP)) ||
        !wait_while(q->slot, WRITING, lp_now_ns() + FINISH_MS * INT64_C(1000000))) {
        leave_slot(q->tid, q->slot);
        q->slot = NULL;
        return GIVEN_UP;
    }
    return atomic_load(&q->slot->state);
}

static struct lp_interrupted collect(struct question *q)
{
    struct lp_interrupted silent = {.tid = q->tid, .stack = LP_STACK_SILENT, .call = LP_CALL_NONE};
    uint32_t result;
    while ((result = result_of(q)) == BUSY && q->tries < BUSY_TRIES) {
        const struct timespec soon = {.tv_nsec = 1000000};
        lp_syscall(SYS_nanosleep, &soon, NULL);
        if (!send(q))
            break;
    }
    if (result == DONE) {
        struct slot *slot = q->slot;
        silent = slot->answer;
        silent.tid = q->tid;
        silent.stack =
            slot->nframes ? lp_stack_intern(slot->frames, (uint32_t)slot->nframes) : LP_STACK_NONE;
    }
    if (q->slot)
        put_back(q->slot);
    return silent;
}

int lp_interrupt_each(const pid_t *tids, size_t n, void (*soon)(size_t i, void *arg),
                      void (*visit)(size_t i, const struct lp_interrupted *answer, void *arg),
                      void *arg)
{
    struct question window[WINDOW];
    size_t asked = 0, seen = 0, capacity = 1;
    int error = install();
    if (error)
        return error;
    in_vain_ns = 0;
    while (seen < n) {
        for (; asked < n && asked - seen < capacity; asked++) {
            struct question *q = &window[asked % WINDOW];
            *q = (struct question){.i = asked, .tid = tids[asked]};
            soon(asked, arg);
            ask(q);
        }
        struct question *q = &window[seen++ % WINDOW];
        struct lp_interrupted given = collect(q);
        capacity = given.stack == LP_STACK_SILENT ? 1 : capacity < WINDOW ? capacity * 2 : WINDOW;
        visit(q->i, &given, arg);
    }
    return 0;
}
