/*
 * Runs a command and writes what it used.
 *
 *   spent FILE COMMAND [ARGUMENT...]
 *
 * FILE gets one line: exit status (128 + signal), CPU time in microseconds, time in microseconds,
 * and the largest resident size in KiB of any process that was waited for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static long long us(struct timeval t)
{
    return t.tv_sec * 1000000LL + t.tv_usec;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    long long start = now_us();
    pid_t child = fork();
    if (child == 0) {
        execvp(argv[2], argv + 2);
        _exit(127);
    }
    int status;
    struct rusage used;
    if (child < 0 || wait4(child, &status, 0, &used) != child)
        return 2;
    long long took = now_us() - start;
    FILE *file = fopen(argv[1], "w");
    if (!file)
        return 2;
    fprintf(file, "%d %lld %lld %ld\n",
            WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
            us(used.ru_utime) + us(used.ru_stime), took, used.ru_maxrss);
    fclose(file);
    return 0;
}
