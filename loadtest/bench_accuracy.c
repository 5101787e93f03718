/*
 * Measures how close the profiler's figures are to the truth: repeatedly allocates a known amount
 * of memory in blocks of 16 bytes to 256 KiB, with equally many blocks per doubling of the size,
 * and reads the profiler's figures. Each run has its own thread, and so a new seed for the
 * sampling.
 *
 * usage: bench_accuracy RUNS MEBIBYTES
 * The profiler is linked in. LEAKPROF_RATE is its rate. Prints one line per run: true bytes,
 * estimated bytes, their standard error; true objects, estimated objects, their standard error.
 */
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "leakprof.h"

enum { SMALLEST = 16, LARGEST = 256 << 10 };

struct heap {
    char **blocks;
    size_t room;
    int64_t wanted, bytes, objects;
};

static size_t random_size(void)
{
    return (size_t)(SMALLEST * exp(drand48() * log((double)LARGEST / SMALLEST)));
}

static void fill(struct heap *heap)
{
    while (heap->bytes < heap->wanted && (size_t)heap->objects < heap->room) {
        size_t size = random_size();
        char *block = malloc(size);
        if (!block)
            abort();
        *block = 1;
        heap->blocks[heap->objects++] = block;
        heap->bytes += (int64_t)size;
    }
}

static void empty(struct heap *heap)
{
    while (heap->objects > 0)
        free(heap->blocks[--heap->objects]);
    heap->bytes = 0;
}

/* The standard error of the growth from an estimate with error `before` to one with error `after`.
 */
static double error_of(int64_t before, int64_t after)
{
    double a = (double)after, b = (double)before;
    return sqrt(fmax(0, a * a - b * b));
}

static void *run(void *arg)
{
    struct heap *heap = arg;
    struct leakprof_stats before, after;

    leakprof_stats(&before);
    fill(heap);
    leakprof_stats(&after);
    printf("%" PRId64 " %" PRId64 " %.0f %" PRId64 " %" PRId64 " %.0f\n", heap->bytes,
           after.heap_inuse_bytes - before.heap_inuse_bytes,
           error_of(before.heap_inuse_bytes_error, after.heap_inuse_bytes_error), heap->objects,
           after.heap_inuse_objects - before.heap_inuse_objects,
           error_of(before.heap_inuse_objects_error, after.heap_inuse_objects_error));
    empty(heap);
    return NULL;
}

int main(int argc, char **argv)
{
    int runs = argc == 3 ? atoi(argv[1]) : 0, mib = argc == 3 ? atoi(argv[2]) : 0;
    if (runs < 1 || mib < 1 || mib > 4096) {
        fprintf(stderr, "usage: bench_accuracy RUNS MEBIBYTES\n");
        return 1;
    }
    struct heap heap = {.room = (size_t)mib << 10, .wanted = (int64_t)mib << 20};
    heap.blocks = calloc(heap.room, sizeof *heap.blocks);
    if (!heap.blocks)
        abort();
    for (int i = 0; i < runs; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, run, &heap) != 0)
            abort();
        pthread_join(thread, NULL);
    }
    free(heap.blocks);
    return 0;
}
