/*
 * A timer counts against the number of signals that the user may queue (RLIMIT_SIGPENDING), and the
 * program may want timers itself. So at most half of what is free is used.
 *
 * If a thread ends, its timer exists until the process ends, but it no longer reports an interval.
 * So each look checks all timers. This also detects that a thread id was given to another thread.
 */
#include "record/cputimers.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sys/file.h"
#include "sys/keep_errno.h"
#include "sys/clock.h"
#include "record/self.h"
#include "sys/slab.h"
#include "sys/syscall.h"

/* The values of a thread's word: NONE -> MAKING -> FRESH less the timer's number -> that number
 * plus one when the timer runs. REFUSED: by the kernel. ENDS: the thread has reported its end and
 * gets no other timer. */
enum { NONE, MAKING = -1, REFUSED = -2, ENDS = -3, FRESH = -4 };
enum { TIDS_SHIFT = 10, DIRENTS_BYTES = 32 << 10 };

LP_SLAB(words, sizeof(int32_t), TIDS_SHIFT, LP_OWN_CPU);
static _Atomic uint32_t nsegments; /* segments of `words` in use: the highest plus one */
static struct lp_cputimers spec;
static _Atomic int window; /* spec.value while a window is open, else 0 */
static _Atomic int ntimers;
static int ntimers_max;

static _Atomic uint32_t nthreads, nborn;
static _Atomic int64_t late_ns;
static uint32_t refused_now, refused_most;

static _Atomic int32_t *word_of(pid_t tid)
{
    uint32_t segment = (uint32_t)tid >> TIDS_SHIFT, seen = atomic_load(&nsegments);
    if (tid <= 0 || segment >= LP_SLAB_SEGMENTS || !lp_slab_segment(&words, (uint32_t)tid))
        return NULL;
    while (seen <= segment && !atomic_compare_exchange_weak(&nsegments, &seen, segment + 1))
        ;
    return lp_slab_at(&words, (uint32_t)tid);
}

/* Raw system calls: the program may interpose libc's, and libc's know only timers that they made.
 */
static int make(pid_t tid, int *timer)
{
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = spec.signal};
    event._sigev_un._tid = tid;
    event.sigev_value.sival_int = spec.value;
    return (int)lp_syscall(SYS_timer_create, lp_cpu_clock_of(tid), &event, timer);
}

/* The first expiry is at a random time in the first period, so that a thread that lives shorter
 * than a period is sampled in proportion too. */
static void set(pid_t tid, int timer)
{
    uint64_t x = (uint64_t)lp_now_ns() ^ (uint64_t)tid << 40;
    x = (x ^ x >> 31) * 0xbf58476d1ce4e5bau;
    int64_t period = spec.period_ns, first = 1 + (int64_t)((x ^ x >> 29) % (uint64_t)period);
    struct itimerspec when = {{period / 1000000000, period % 1000000000},
                              {first / 1000000000, first % 1000000000}};
    lp_syscall(SYS_timer_settime, timer, 0, &when, NULL);
}

static void take_back(int32_t was)
{
    if (was <= NONE && was > FRESH)
        return;
    lp_syscall(SYS_timer_delete, was > NONE ? was - 1 : FRESH - was);
    atomic_fetch_sub(&ntimers, 1);
}

static void note_birth(pid_t tid)
{
    atomic_fetch_add(&nborn, 1);
    atomic_fetch_add(&late_ns, lp_clock_ns(lp_cpu_clock_of(tid)));
}

/* If the window ends meanwhile, the thread that ends it either finds the timer in the word and
 * deletes it, or finds MAKING and replaces that, and then this function deletes the timer. So none
 * is left running. Setting a deleted timer has no effect. */
static void give(pid_t tid, _Atomic int32_t *word, int32_t seen, bool born)
{
    int value = atomic_load(&window), timer = 0;
    if (!value || !atomic_compare_exchange_strong(word, &seen, MAKING))
        return;
    bool capacity = atomic_fetch_add(&ntimers, 1) < ntimers_max;
    int error = capacity ? make(tid, &timer) : -EAGAIN;
    int32_t making = MAKING, made = error == -EAGAIN ? REFUSED : error ? NONE : FRESH - timer;
    bool published = atomic_compare_exchange_strong(word, &making, made);
    if (error) {
        atomic_fetch_sub(&ntimers, 1);
        return;
    }
    if (!published || atomic_load(&window) != value) {
        take_back(published ? atomic_exchange(word, NONE) : made);
        return;
    }
    set(tid, timer);
    if (!atomic_compare_exchange_strong(word, &made, timer + 1))
        return;
    atomic_fetch_add(&nthreads, 1);
    if (born)
        note_birth(tid);
}

static bool alive(int timer)
{
    struct itimerspec left = {0};
    return lp_syscall(SYS_timer_gettime, timer, &left) == 0 &&
           (left.it_interval.tv_sec || left.it_interval.tv_nsec);
}

static void each_word(void (*visit)(pid_t tid, _Atomic int32_t *word, int32_t seen))
{
    for (uint32_t s = 0, n = atomic_load(&nsegments); s < n; s++) {
        _Atomic int32_t *word = lp_slab_at(&words, s << TIDS_SHIFT);
        for (uint32_t i = 0; word && i < 1u << TIDS_SHIFT; i++) {
            int32_t seen = atomic_load_explicit(&word[i], memory_order_relaxed);
            if (seen != NONE)
                visit((pid_t)(s << TIDS_SHIFT | i), &word[i], seen);
        }
    }
}

static void look_again(pid_t tid, _Atomic int32_t *word, int32_t seen)
{
    if (seen > NONE && !alive(seen - 1)) {
        if (atomic_compare_exchange_strong(word, &seen, NONE))
            take_back(seen);
    } else if (seen == ENDS && lp_syscall(SYS_tgkill, getpid(), tid, 0) != 0) {
        atomic_compare_exchange_strong(word, &seen, NONE);
    } else if (seen == REFUSED) {
        give(tid, word, REFUSED, false);
        refused_now += atomic_load(word) == REFUSED;
    }
}

static void close_word(pid_t tid, _Atomic int32_t *word, int32_t seen)
{
    (void)tid, (void)seen;
    take_back(atomic_exchange(word, NONE));
}

static void meet(pid_t tid, bool born)
{
    if (lp_own_thread(tid))
        return;
    _Atomic int32_t *word = word_of(tid);
    if (!word) {
        refused_now++;
        return;
    }
    if (atomic_load(word) != NONE)
        return;
    give(tid, word, NONE, born);
    refused_now += atomic_load(word) == REFUSED;
}

/* readdir() would allocate at each call. */
static int meet_all(bool born)
{
    static LP_APART char entries[DIRENTS_BYTES];
    struct dirent64_head { /* the layout that getdents64() writes */
        uint64_t ino, off;
        uint16_t length;
        unsigned char type;
        char name[];
    };
    long fd =
        lp_syscall(SYS_openat, AT_FDCWD, "/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return (int)fd;
    long n;
    while ((n = lp_syscall(SYS_getdents64, fd, entries, sizeof entries)) > 0) {
        for (long at = 0; at < n;) {
            const struct dirent64_head *entry = (const void *)(entries + at);
            meet((pid_t)strtol(entry->name, NULL, 10), born); /* 0: "." and ".." */
            at += entry->length;
        }
    }
    lp_syscall(SYS_close, fd);
    return 0;
}

/* How many signals the user may still queue. */
static int signals_free(void)
{
    char text[2048];
    long long used, most;
    lp_file_read(LP_PROC_SELF "status", text, sizeof text);
    const char *line = strstr(text, "\nSigQ:");
    if (!line || sscanf(line, "\nSigQ: %lld/%lld", &used, &most) != 2 || most - used > INT32_MAX)
        return INT32_MAX;
    return most > used ? (int)(most - used) : 0;
}

int lp_cputimers_begin(const struct lp_cputimers *the_spec)
{
    each_word(close_word); /* for threads that reported their end too late */
    spec = *the_spec;
    nthreads = nborn = 0;
    late_ns = 0;
    refused_now = refused_most = 0;
    ntimers_max = signals_free() / 2;
    atomic_store(&window, spec.value);
    int error = meet_all(false);
    refused_most = refused_now;
    if (error)
        lp_cputimers_end();
    return error;
}

void lp_cputimers_look(void)
{
    refused_now = 0;
    each_word(look_again);
    meet_all(true);
    if (refused_now > refused_most)
        refused_most = refused_now;
}

void lp_cputimers_end(void)
{
    atomic_store(&window, 0);
    each_word(close_word);
}

void lp_cputimers_read(struct lp_cputimers_figures *figures)
{
    *figures = (struct lp_cputimers_figures){
        .threads = nthreads, .born = nborn, .unsampled = refused_most, .late_ns = late_ns};
}

void lp_cputimers_thread_begins(void)
{
    LP_KEEP_ERRNO;
    pid_t tid = lp_gettid();
    _Atomic int32_t *word = word_of(tid);
    int32_t seen = word ? atomic_load(word) : NONE;
    if (word && !(seen > NONE && alive(seen - 1))) { /* else a look did it first */
        take_back(atomic_exchange(word, NONE));      /* left by an earlier thread with this id */
        give(tid, word, NONE, true);
    }
}

void lp_cputimers_thread_ends(void)
{
    LP_KEEP_ERRNO;
    _Atomic int32_t *word = word_of(lp_gettid());
    if (word)
        take_back(atomic_exchange(word, ENDS));
}

static void forget_word(pid_t tid, _Atomic int32_t *word, int32_t seen)
{
    (void)tid, (void)seen;
    atomic_store(word, NONE);
}

void lp_cputimers_forked(void)
{
    atomic_store(&window, 0);
    each_word(forget_word);
    atomic_store(&ntimers, 0);
}
