#include "inspect/threads.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "inspect/calls.h"
#include "inspect/interrupt.h"
#include "inspect/rest.h"
#include "sys/peek.h"
#include "sys/clock.h"
#include "inspect/task.h"
#include "sys/losses.h"
#include "sys/syscall.h"
#include "record/stacks.h"

/* What was seen of a thread at the last look. If it has run since, but has gone to sleep only once
 * (after our signal) and has the same stack, it has been there all the time. */
struct memory {
    pid_t tid;
    int64_t since;  /* lp_now_ns() */
    int64_t cpu_ns; /* inspect/rest.h. 0: it may have run since */
    struct lp_interrupted seen;
};

static struct memory *memories; /* by tid */
static size_t nmemories;

/* lp_task_rest() and lp_rest_begins() take longer than the signal. If there are thousands of new
 * threads, each is called only for as many as fit into this time. The next looks do the others. */
enum { FIRST_LOOK_MS = 120 };

struct walk {
    int64_t began_ns;
    const pid_t *tids;
    size_t n;
    struct memory *now; /* of each thread */
    pid_t *asked;       /* the threads that get a signal, */
    size_t *at;         /* and where they are in `now` */
    size_t nasked;
    int64_t *rest;     /* lp_task_rest() of each, before its signal; then its time in this state */
    size_t *holder;    /* who has the mutex that each waits for, as an index of `now`; n: nobody */
    uint8_t *deadlock; /* of each, an enum lp_deadlock */
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

/* Reads a word of the program's memory. */
static bool peek(uintptr_t address, int32_t *word)
{
    return lp_peek(address, word, sizeof *word);
}

/* Its index in `now`. walk->n: there is no such thread. */
static size_t index_of(const struct walk *walk, int32_t tid)
{
    struct memory key = {.tid = tid};
    const struct memory *found = bsearch(&key, walk->now, walk->n, sizeof key, by_tid);
    return found ? (size_t)(found - walk->now) : walk->n;
}

static bool is_thread(const struct walk *walk, int32_t tid)
{
    return index_of(walk, tid) < walk->n;
}

/* A mutex has its owner two words after the one that is waited on. */
static size_t holder_of(const struct walk *walk, const struct lp_interrupted *waiting)
{
    int32_t owner;
    if (waiting->call != SYS_futex)
        return walk->n;
    const char *what = lp_call_waits_for(waiting->stack);
    bool mutex = what && strcmp(what, "mutex") == 0;
    return mutex && peek(waiting->args[0] + 2 * sizeof owner, &owner) ? index_of(walk, owner)
                                                                      : walk->n;
}

/* Do all members of this thread's circle still wait, and have they done so all the time? */
static bool circle_rests(const struct walk *walk, size_t first)
{
    size_t i = first;
    do {
        const struct memory *now = &walk->now[i];
        if (!now->cpu_ns || !lp_rest_lasts(now->tid, now->cpu_ns))
            return false;
    } while ((i = walk->holder[i]) != first);
    return true;
}

/* Every holder is read after its waiting thread has gone to rest. If all members of a circle rest
 * until the last holder was read, none of them has released what it holds. */
static void find_deadlocks(struct walk *walk)
{
    for (size_t i = 0; i < walk->n; i++)
        walk->holder[i] = walk->now[i].seen.tid ? holder_of(walk, &walk->now[i].seen) : walk->n;
    lp_deadlock_find(walk->holder, walk->n, walk->deadlock);
    for (size_t i = 0; i < walk->n; i++)
        if (walk->deadlock[i] == LP_DEADLOCK_MEMBER && !circle_rests(walk, i)) {
            walk->holder[i] = walk->n;
            lp_deadlock_find(walk->holder, walk->n, walk->deadlock);
        }
}

/* A join waits on a shared futex, the word that holds the thread's number, until it is cleared. */
static void describe_futex(const struct walk *walk, const struct lp_interrupted *answer,
                           size_t holder, char *text, size_t capacity)
{
    uintptr_t futex = answer->args[0];
    uintptr_t operation = answer->args[1] & FUTEX_CMD_MASK;
    bool shared = !(answer->args[1] & FUTEX_PRIVATE_FLAG);
    bool waits = operation == FUTEX_WAIT || operation == FUTEX_WAIT_BITSET;
    int32_t expected = (int32_t)answer->args[2], word;
    const char *what = lp_call_waits_for(answer->stack);

    if (!what && waits && shared && is_thread(walk, expected) && peek(futex, &word) &&
        word == expected)
        snprintf(text, capacity, " (join of thread %d)", word);
    else if (holder < walk->n)
        snprintf(text, capacity, " %#lx (mutex held by thread %d)", futex, walk->now[holder].tid);
    else if (what)
        snprintf(text, capacity, " %#lx (%s)", futex, what);
    else
        snprintf(text, capacity, " %#lx", futex);
}

static void describe_call(const struct walk *walk, const struct lp_interrupted *answer,
                          size_t holder, char *text, size_t capacity)
{
    const struct lp_call *call = lp_call_of(answer->call);
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
        describe_futex(walk, answer, holder, text + n, capacity - (size_t)n);
    else if (call->fd)
        snprintf(text + n, capacity - (size_t)n, " of fd %d", (int)answer->args[0]);
}

/* What the kernel knows about a thread that was not asked or did not answer. false: it has ended.
 */
static bool describe_unseen(struct lp_thread_seen *seen)
{
    char text[512] = "", *p;
    if (lp_syscall(SYS_tgkill, getpid(), seen->tid, 0) != 0)
        return false; /* it has ended meanwhile */
    if (seen->stack == LP_STACK_SILENT)
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
        const struct lp_call *call = lp_call_of(strtol(text, NULL, 10));
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
    pid_t tid = walk->asked[i];
    bool ask = !remembered(tid) && lp_now_ns() - walk->began_ns < FIRST_LOOK_MS * INT64_C(1000000);
    walk->rest[walk->at[i]] = ask ? lp_task_rest(tid) : -1;
}

static void report(struct walk *walk, size_t i)
{
    const struct memory *now = &walk->now[i];
    size_t holder = walk->holder[i];
    struct lp_thread_seen seen = {.tid = now->tid,
                                  .stack = now->seen.stack,
                                  .state_ns = walk->rest[i],
                                  .holder = holder < walk->n ? walk->now[holder].tid : 0,
                                  .deadlock = walk->deadlock[i]};
    memcpy(seen.name, now->seen.name, sizeof seen.name);
    if (now->seen.call == LP_CALL_NONE)
        snprintf(seen.state, sizeof seen.state, "running");
    else
        describe_call(walk, &now->seen, holder, seen.state, sizeof seen.state);
    walk->visit(&seen, walk->arg);
}

/* In the order of their numbers. */
static void report_all(struct walk *walk)
{
    for (size_t i = 0; i < walk->n; i++) {
        struct lp_thread_seen silent = {
            .tid = walk->tids[i], .stack = LP_STACK_SILENT, .state_ns = -1};
        if (walk->now[i].seen.tid)
            report(walk, i);
        else if (describe_unseen(&silent))
            walk->visit(&silent, walk->arg);
    }
}

static void visit(size_t i, const struct lp_interrupted *answer, void *arg)
{
    struct walk *walk = arg;
    struct memory *now = &walk->now[walk->at[i]];
    int64_t state_ns = -1, t = lp_now_ns();

    if (answer->stack == LP_STACK_SILENT)
        return;
    now->seen = *answer;
    if (answer->call != LP_CALL_NONE) {
        const struct memory *before = remembered(now->tid);
        bool same = before && before->since && before->seen.stack == answer->stack &&
                    before->seen.switches_now + 1 == answer->switches;
        state_ns = same ? t - before->since : walk->rest[walk->at[i]];
        now->since = t - (state_ns > 0 ? state_ns : 0);
    }
    walk->rest[walk->at[i]] = state_ns;
}

/* Lists the threads that have not run, and the others. */
static void divide(struct walk *walk)
{
    bool known = lp_rest_known();
    for (size_t i = 0; i < walk->n; i++)
        walk->now[i].tid = walk->tids[i];
    for (size_t i = 0; i < walk->n; i++) {
        const struct memory *before = known ? remembered(walk->tids[i]) : NULL;
        if (before && lp_rest_lasts(before->tid, before->cpu_ns)) {
            walk->now[i] = *before;
            walk->rest[i] = lp_now_ns() - before->since;
        } else {
            walk->asked[walk->nasked] = walk->tids[i];
            walk->at[walk->nasked++] = i;
        }
    }
}

/* Notes which of the threads that were interrupted wait again, so that the next look can leave them
 * alone. They need a moment to get there. */
static void settle(struct walk *walk)
{
    enum { TRIES = 3 };
    int64_t until = lp_now_ns() + FIRST_LOOK_MS * INT64_C(1000000);
    for (int try = 0; try < TRIES; try++) {
        struct timespec pause = {.tv_nsec = try * 1000000};
        bool missing = false;
        if (try > 0)
            lp_syscall(SYS_nanosleep, &pause, NULL);
        for (size_t i = 0; i < walk->nasked && lp_now_ns() < until; i++) {
            struct memory *now = &walk->now[walk->at[i]];
            if (now->since && !now->cpu_ns && !(now->cpu_ns = lp_rest_begins(&now->seen)))
                missing = true;
        }
        if (!missing)
            return;
    }
}

static bool without_stacks;

void lp_threads_stacks(bool read)
{
    without_stacks = !read;
}

static int walk_quietly(const struct walk *walk)
{
    for (size_t i = 0; i < walk->n; i++) {
        struct lp_thread_seen seen = {.tid = walk->tids[i], .stack = LP_STACK_NONE, .state_ns = -1};
        if (describe_unseen(&seen))
            walk->visit(&seen, walk->arg);
    }
    return 0;
}

int lp_threads_walk(const pid_t *tids, size_t n,
                    void (*each)(const struct lp_thread_seen *thread, void *arg), void *arg)
{
    struct walk walk = {.began_ns = lp_now_ns(), .tids = tids, .n = n, .visit = each, .arg = arg};
    int result = -ENOMEM;

    if (without_stacks)
        return walk_quietly(&walk);
    walk.now = calloc(n + 1, sizeof *walk.now);
    walk.rest = calloc(n + 1, sizeof *walk.rest);
    walk.asked = calloc(n + 1, sizeof *walk.asked);
    walk.at = calloc(n + 1, sizeof *walk.at);
    walk.holder = calloc(n + 1, sizeof *walk.holder);
    walk.deadlock = calloc(n + 1, sizeof *walk.deadlock);
    if (walk.now && walk.rest && walk.asked && walk.at && walk.holder && walk.deadlock) {
        lp_peek_begin();
        divide(&walk);
        if (walk.nasked)
            lp_task_clocks();
        result = lp_interrupt_each(walk.asked, walk.nasked, soon, visit, &walk);
        settle(&walk); /* before the report, because it may find out which call it is */
        if (!result) {
            find_deadlocks(&walk);
            report_all(&walk);
        }
        lp_peek_end();
        free(memories);
        memories = walk.now;
        nmemories = n;
        walk.now = NULL;
    }
    free(walk.now);
    free(walk.rest);
    free(walk.asked);
    free(walk.at);
    free(walk.holder);
    free(walk.deadlock);
    return result;
}
