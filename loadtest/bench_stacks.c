/*
 * Allocations from very many distinct stacks: a recursion that takes one of two ways at each level
 * and allocates a block at the bottom. The program does not use the profiler. To measure the
 * profiler, preload it.
 *
 * usage: bench_stacks [levels]
 * There are 2^levels stacks, each with one block that stays. Prints microseconds of CPU time per
 * stack.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { LEVELS = 20, LEVELS_MAX = 22, SIZE = 32 };

__attribute__((noinline, noclone)) static void allocate_below(int levels)
{
    if (levels == 0) {
        char *block = malloc(SIZE);
        if (!block)
            abort();
        __asm__ volatile("" : : "r"(block) : "memory"); /* keeps the block */
        return;
    }
    allocate_below(levels - 1);
    __asm__ volatile(""); /* keeps two calls from becoming a loop */
    allocate_below(levels - 1);
    __asm__ volatile("");
}

static double cpu_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

int main(int argc, char **argv)
{
    int levels = argc > 1 ? atoi(argv[1]) : LEVELS;
    double began = cpu_us();

    if (argc > 2 || levels < 1 || levels > LEVELS_MAX) {
        fprintf(stderr, "usage: bench_stacks [levels, 1 to %d]\n", LEVELS_MAX);
        return 1;
    }
    allocate_below(levels);
    printf("%.3f\n", (cpu_us() - began) / (double)(1 << levels));
    return 0;
}
