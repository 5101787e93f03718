/*
 * Mmap: a mapping outlives the descriptor that it was made from.
 *
 * A map service keeps its tiles in one large archive. A request opens the archive, maps the layer
 * that it needs, reads the tile and closes the archive again, as one does with a file. But closing
 * a descriptor does not unmap what was mapped from it: every request leaves a whole layer in the
 * address space. Nothing points to it any more, and no descriptor is left to be found.
 *
 * What the profiles show: the maps profile grows by one layer a request at mmap_leak, the heap not
 * at all. Of a layer only what was read is in memory, so RSS grows far more slowly than what is
 * mapped; what ends the service may well be the kernel's limit of mappings (vm.max_map_count).
 */
#include "lost.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    PAGE = 4096,
    LAYER_MAX = 64 << 20,
    TILE_AT = 3 * PAGE,
    TILE_BYTES = 2 * PAGE,
    LAYERS_MAX = 16384 /* a quarter of the mappings that Linux allows a process */
};

static int archive = -1; /* stands for the file: it has a path, see archive_path */
static char archive_path[32];
static atomic_uint checksum; /* somebody has to read the tile */

static size_t in_pages(size_t size)
{
    return (size + PAGE - 1) & ~(size_t)(PAGE - 1);
}

static void draw(const unsigned char *tile)
{
    unsigned sum = 0;

    for (int i = 0; i < TILE_BYTES; i += 64)
        sum += tile[i];
    atomic_store_explicit(&checksum, sum, memory_order_relaxed);
}

static void unmap(void *layer, int pages)
{
    munmap(layer, (size_t)pages * PAGE);
}

static struct lost lost = LOST(unmap, .most = LAYERS_MAX);

__attribute__((noinline)) static int mmap_fixed(struct scene_call *call)
{
    int err = 0;

    if (budget_take((int64_t)in_pages(call->size), 0, 1) < 0)
        return -ENOSPC;
    for (unsigned i = 0; i < call->n && err == 0; i++) {
        int fd = open(archive_path, O_RDONLY | O_CLOEXEC);
        void *layer = fd < 0 ? MAP_FAILED : mmap(NULL, call->size, PROT_READ, MAP_SHARED, fd, 0);

        if (layer == MAP_FAILED) {
            err = -errno;
        } else {
            draw((unsigned char *)layer + TILE_AT);
            munmap(layer, call->size); /* of the size that was mapped */
        }
        if (fd >= 0)
            close(fd);
    }
    budget_give((int64_t)in_pages(call->size), 0, 1);
    return err;
}

__attribute__((noinline)) static int mmap_leak(struct scene_call *call)
{
    const struct held cost = {.bytes = (int64_t)(call->n * in_pages(call->size)),
                              .mappings = call->n};
    int err;

    if (budget_take(0, 0, 1) < 0)
        return -ENOSPC;
    err = lost_begin(&lost, cost, call->n);
    for (unsigned i = 0; i < call->n && err == 0; i++) {
        int fd = open(archive_path, O_RDONLY | O_CLOEXEC);
        void *layer = fd < 0 ? MAP_FAILED : mmap(NULL, call->size, PROT_READ, MAP_SHARED, fd, 0);

        if (layer == MAP_FAILED) {
            err = -errno;
        } else {
            draw((unsigned char *)layer + TILE_AT);
            lose(layer, (int)(in_pages(call->size) / PAGE)); /* for the reset alone */
        }
        if (fd >= 0)
            close(fd); /* the fatal line: the file is closed, and the layer stays mapped */
    }
    budget_give(0, 0, 1);
    return lost_end(err);
}

static int mmap_start(void)
{
    archive = memfd_create("tiles", MFD_CLOEXEC);
    if (archive < 0 || ftruncate(archive, LAYER_MAX) < 0)
        return -errno;
    snprintf(archive_path, sizeof(archive_path), "/proc/self/fd/%d", archive);
    return 0;
}

static void mmap_stop(void)
{
    if (archive >= 0)
        close(archive);
}

LAB_TEXT(mmap);
const struct scene scene_mmap = {
    .id = "mmap",
    .lab = LAB(mmap),
    .title = "A file is closed, its mapping stays",
    .lesson = "Closing a descriptor does not unmap what was mapped from it; munmap() does.",
    .resource = "mappings",
    .signature =
        "The maps profile grows by one mapping of a whole layer a request at mmap_leak; heap and "
        "descriptors stay flat, and RSS grows only by what was read.",
    .guilty_function = "mmap_leak",
    .n_max = 1000,
    .size_default = 337 * PAGE,
    .size_min = 65536,
    .size_max = LAYER_MAX,
    .start = mmap_start,
    .stop = mmap_stop,
    .leak = mmap_leak,
    .fixed = mmap_fixed,
    .lost = &lost,
};
