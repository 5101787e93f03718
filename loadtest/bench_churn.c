/*
 * Measures the cost of a malloc and a free: each thread keeps a live set of 10,000 blocks, and
 * repeatedly frees a random one and allocates another in its place, ten frames deep. The program
 * does not use the profiler. To measure the profiler, preload it.
 *
 * The frames are entered once and the loop runs at their bottom. So the time of calls and returns,
 * which the profiler does not affect, is not included. Blocks have 16 to 256 bytes, one in a
 * thousand up to 64 KiB. The clock is read once per batch.
 *
 * usage: bench_churn [threads] [milliseconds] [kept]
 * kept: before it begins, allocates that many blocks that stay, with as many holes between them,
 * prints "ready" on standard error, and waits for a line on standard input.
 * Prints nanoseconds per malloc+free pair, the mean of the threads: of CPU time, which other
 * programs on the machine affect least, and of wall clock time, which includes waiting.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { LIVE = 10000, FRAMES = 10, BATCH = 5000, THREADS_MAX = 64 };

struct churn {
    pthread_t thread;
    pthread_barrier_t *start;
    uint64_t random;
    int64_t run_ns;
    double cpu_ns, wall_ns; /* per pair */
    char *live[LIVE];
};

static int64_t now_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* xorshift64*: its upper half is good enough and costs about a nanosecond. */
static uint32_t next(struct churn *churn)
{
    churn->random ^= churn->random >> 12;
    churn->random ^= churn->random << 25;
    churn->random ^= churn->random >> 27;
    return (uint32_t)((churn->random * 0x2545f4914f6cdd1d) >> 32);
}

/* A random number below n, without a division. */
static uint32_t below(struct churn *churn, uint32_t n)
{
    return (uint32_t)((uint64_t)next(churn) * n >> 32);
}

static void replace(struct churn *churn, uint32_t slot)
{
    uint32_t size = 16 + below(churn, below(churn, 1000) ? 256 - 16 + 1 : (64 << 10) - 16 + 1);

    free(churn->live[slot]);
    churn->live[slot] = malloc(size);
    if (!churn->live[slot])
        abort();
    *churn->live[slot] = 1;
}

static int64_t pairs_until(struct churn *churn, int64_t end)
{
    int64_t pairs = 0;

    do {
        for (int i = 0; i < BATCH; i++)
            replace(churn, below(churn, LIVE));
        pairs += BATCH;
    } while (now_ns(CLOCK_MONOTONIC) < end);
    return pairs;
}

__attribute__((noinline, noclone)) static void run_below(struct churn *churn, int frames)
{
    if (frames > 0) {
        run_below(churn, frames - 1);
    } else {
        int64_t wall = now_ns(CLOCK_MONOTONIC), cpu, pairs;

        pairs_until(churn, wall + churn->run_ns / 5); /* until the heap is in a steady state */
        wall = now_ns(CLOCK_MONOTONIC);
        cpu = now_ns(CLOCK_THREAD_CPUTIME_ID);
        pairs = pairs_until(churn, wall + churn->run_ns);
        churn->cpu_ns = (double)(now_ns(CLOCK_THREAD_CPUTIME_ID) - cpu) / (double)pairs;
        churn->wall_ns = (double)(now_ns(CLOCK_MONOTONIC) - wall) / (double)pairs;
    }
    __asm__ volatile(""); /* keeps the call above from becoming a jump, which would have no frame */
}

static void *run(void *arg)
{
    struct churn *churn = arg;

    for (uint32_t slot = 0; slot < LIVE; slot++)
        replace(churn, slot);
    pthread_barrier_wait(churn->start);
    run_below(churn, FRAMES);
    return NULL;
}

static void keep(struct churn *churn, long n)
{
    char **blocks = calloc((size_t)n, 2 * sizeof(*blocks));

    if (!blocks)
        abort();
    for (long i = 0; i < 2 * n; i++)
        if (!(blocks[i] = malloc(16 + below(churn, 241))))
            abort();
    for (long i = 0; i < 2 * n; i += 2)
        free(blocks[i]);
    fputs("ready\n", stderr);
    while (getchar() > '\n')
        ;
}

int main(int argc, char **argv)
{
    static struct churn churns[THREADS_MAX];
    int nthreads = argc > 1 ? atoi(argv[1]) : 1, ms = argc > 2 ? atoi(argv[2]) : 500;
    long kept = argc > 3 ? atol(argv[3]) : 0;
    pthread_barrier_t start;
    double cpu_ns = 0, wall_ns = 0;

    if (argc > 4 || kept < 0 || nthreads < 1 || nthreads > THREADS_MAX || ms < 1) {
        fprintf(stderr, "usage: bench_churn [threads, 1 to %d] [milliseconds] [kept]\n",
                THREADS_MAX);
        return 1;
    }
    if (kept > 0) {
        churns[0].random = 4711;
        keep(&churns[0], kept);
    }
    pthread_barrier_init(&start, NULL, (unsigned)nthreads);
    for (int i = 0; i < nthreads; i++) {
        churns[i].start = &start;
        churns[i].random = 0x9e3779b97f4a7c15 * (uint64_t)(i + 1);
        churns[i].run_ns = (int64_t)ms * 1000000;
        if (pthread_create(&churns[i].thread, NULL, run, &churns[i]) != 0)
            abort();
    }
    for (int i = 0; i < nthreads; i++) {
        pthread_join(churns[i].thread, NULL);
        cpu_ns += churns[i].cpu_ns / nthreads;
        wall_ns += churns[i].wall_ns / nthreads;
    }
    printf("%.2f %.2f\n", cpu_ns, wall_ns);
    return 0;
}
