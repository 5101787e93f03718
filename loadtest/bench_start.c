/*
 * How long a short-lived process takes, alternately plain and preloaded: bench_start ROUNDS
 * LIBRARY... For each library, prints the median time from fork() to the end of /bin/true, and the
 * same without a library. If LEAKPROF_LISTEN is in the environment, the preloaded processes are
 * served.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LIBRARIES_MAX = 8, ROUNDS_MAX = 100000 };

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t run(const char *library)
{
    int64_t began = now_ns();
    pid_t child = fork();
    if (child == 0) {
        if (library)
            setenv("LD_PRELOAD", library, 1);
        execl("/bin/true", "true", (char *)NULL);
        _exit(127);
    }
    int status = -1;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
        fprintf(stderr, "bench_start: /bin/true did not end well with %s\n",
                library ? library : "nothing");
        exit(1);
    }
    return now_ns() - began;
}

static int by_value(const void *x, const void *y)
{
    int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;
    return (a > b) - (a < b);
}

int main(int argc, char **argv)
{
    static int64_t times[LIBRARIES_MAX + 1][ROUNDS_MAX];
    int rounds = argc > 2 ? atoi(argv[1]) : 0, n = argc - 2;
    if (rounds < 1 || rounds > ROUNDS_MAX || n > LIBRARIES_MAX) {
        fprintf(stderr, "usage: bench_start ROUNDS LIBRARY...\n");
        return 1;
    }
    for (int round = 0; round < rounds; round++)
        for (int i = 0; i <= n; i++)
            times[i][round] = run(i ? argv[i + 1] : NULL);
    for (int i = 0; i <= n; i++)
        qsort(times[i], (size_t)rounds, sizeof times[i][0], by_value);
    for (int i = 0; i <= n; i++)
        printf("%-40s %8.1f us  %.2f times\n", i ? argv[i + 1] : "without",
               (double)times[i][rounds / 2] / 1000,
               (double)times[i][rounds / 2] / (double)times[0][rounds / 2]);
    return 0;
}
