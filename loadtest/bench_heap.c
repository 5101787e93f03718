/*
 * A program with a large heap, whose profile is requested: blocks of 16 to 2,048 bytes, of one size
 * or a few for each of many distinct stacks, all alive. Another thread allocates and frees without
 * pause, and records how long the slowest call took.
 *
 * Stacks are distinct by construction: sixteen functions call each other ten deep. Which one calls
 * which follows from the digits of a number that belongs to only one stack.
 *
 * usage: bench_heap BLOCKS STACKS SIZES
 * The profiler is linked in. LEAKPROF_RATE is its rate. Prints its address. Then answers each line
 * on standard input with one line, and exits at the end of the input:
 *   the longest call since the last answer, and the longest one during which the kernel gave this
 *   thread's core to no other (us); bytes alive, the profiler's bytes of tables, records alive,
 *   stacks, losses
 */
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "leakprof.h"

#define EACH_DIGIT(X)                                                                              \
    X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
#define PATH_BITS 40 /* ten digits */

struct way {
    uint64_t path; /* the remaining digits, lowest first */
    int left;
    size_t size;
    char *block; /* the result */
};

static void onward(struct way *way);

/* The number in the assembly makes the functions differ, because they are otherwise identical. It
 * also keeps calls from becoming jumps, which leave no frames. */
#define STEP(k)                                                                                    \
    __attribute__((noinline, noclone)) static void step_##k(struct way *way)                       \
    {                                                                                              \
        onward(way);                                                                               \
        __asm__ volatile("" : : "i"(k));                                                           \
    }
#define CALL(k)                                                                                    \
    case k:                                                                                        \
        step_##k(way);                                                                             \
        break;

#define DECLARE(k) static void step_##k(struct way *way);
EACH_DIGIT(DECLARE)

/* Inlined into each of the functions, so that each has sixteen places that it calls from. */
__attribute__((always_inline)) static inline void onward(struct way *way)
{
    if (way->left-- == 0) {
        way->block = malloc(way->size);
        if (!way->block)
            abort();
        *way->block = 1;
        return;
    }
    unsigned digit = way->path & 15;
    way->path >>= 4;
    switch (digit) {
        EACH_DIGIT(CALL)
    }
}
EACH_DIGIT(STEP)

/* An odd factor maps the numbers below 1 << PATH_BITS one to one. */
static uint64_t scattered(uint64_t number)
{
    return number * 0x9e3779b97f4a7c15 & ((UINT64_C(1) << PATH_BITS) - 1);
}

static int64_t live_bytes;

static void make(long blocks, long stacks, long sizes)
{
    for (long i = 0; i < blocks; i++) {
        uint64_t path = scattered((uint64_t)(i % stacks));
        uint64_t size = (path >> 20) + (uint64_t)(i / stacks % sizes) * 97;
        struct way way = {.path = path, .left = PATH_BITS / 4, .size = 16 + size % (2048 - 16 + 1)};
        step_0(&way); /* the block is never freed, so that the profile shows it */
        live_bytes += (int64_t)way.size;
    }
}

static _Atomic int64_t longest_ns, longest_own_ns;
static _Atomic uint64_t calls;
static atomic_bool done;

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void raise_to(_Atomic int64_t *longest, int64_t ns)
{
    if (ns > atomic_load_explicit(longest, memory_order_relaxed))
        atomic_store_explicit(longest, ns, memory_order_relaxed);
}

/* Records a call that has just returned. If the thread waited, it counts even if it was preempted
 * too. */
static void note(int64_t since)
{
    static struct rusage before;
    struct rusage now;
    int64_t ns = now_ns() - since;
    getrusage(RUSAGE_THREAD, &now);
    raise_to(&longest_ns, ns);
    if (now.ru_nivcsw == before.ru_nivcsw || now.ru_nvcsw != before.ru_nvcsw)
        raise_to(&longest_own_ns, ns);
    before = now;
    atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed);
}

/* Runs on another core than the profiler and the requests: waiting for a core would not be a stall.
 */
static void *allocate(void *arg)
{
    static char *live[1000];
    cpu_set_t last;
    CPU_ZERO(&last);
    CPU_SET((size_t)sysconf(_SC_NPROCESSORS_ONLN) - 1, &last);
    sched_setaffinity(0, sizeof last, &last);
    for (unsigned random = 1; !atomic_load_explicit(&done, memory_order_relaxed);) {
        random = random * 1664525 + 1013904223;
        char **slot = &live[(random >> 8) % 1000];
        int64_t since = now_ns();
        free(*slot);
        note(since);
        since = now_ns();
        *slot = malloc(16 + (random >> 16) % 1009);
        note(since);
    }
    for (int i = 0; i < 1000; i++)
        free(live[i]);
    return arg;
}

/* A call that has not returned belongs to the period that ends here. */
static void finish_calls(void)
{
    uint64_t before = atomic_load(&calls);
    while (atomic_load(&calls) == before)
        usleep(100);
}

static void answer(void)
{
    struct leakprof_stats seen;
    finish_calls();
    double longest = (double)longest_ns / 1000, own = (double)longest_own_ns / 1000;
    leakprof_stats(&seen);
    printf("%.1f %.1f %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 "\n", longest, own,
           live_bytes, seen.own_table_bytes, seen.live_samples, seen.stacks, seen.losses);
    finish_calls(); /* first, because reading the figures holds locks for a moment */
    longest_ns = longest_own_ns = 0;
}

int main(int argc, char **argv)
{
    const struct leakprof_options options = {.listen = "127.0.0.1:0", .rate = LEAKPROF_RATE_KEEP};
    long n[3] = {0}; /* blocks, stacks, sizes */
    pthread_t allocating;
    char line[16];

    for (int i = 0; i < 3 && argc == 4; i++)
        n[i] = atol(argv[i + 1]);
    if (n[0] < 1 || n[1] < 1 || n[2] < 1) {
        fprintf(stderr, "usage: bench_heap BLOCKS STACKS SIZES\n");
        return 1;
    }
    make(n[0], n[1], n[2]);
    if (leakprof_start(&options) != 0 || pthread_create(&allocating, NULL, allocate, NULL) != 0) {
        fprintf(stderr, "bench_heap: cannot start\n");
        return 1;
    }
    setlinebuf(stdout);
    printf("bench_heap: profiler %s/\n", leakprof_url());
    while (fgets(line, sizeof line, stdin))
        answer();
    atomic_store(&done, true);
    pthread_join(allocating, NULL);
    leakprof_stop();
    return 0;
}
