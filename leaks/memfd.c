/*
 * Memfd: shared memory lives as long as its descriptor.
 *
 * A screen service draws frames into shared memory, so that a compositor in another process can
 * show them without a copy. When a frame is out of date it is unmapped. That gives back the
 * addresses and not the memory: pages of a memfd belong to the file, and the file exists until its
 * last descriptor is closed, here or in the process that it was sent to.
 *
 * What the profiles show: one descriptor a request, opened under memfd_leak. The heap is flat, the
 * maps are flat, even RSS is flat, for what is not mapped is not resident; but the machine has less
 * memory with each of them. It is charged to the cgroup, and counted as "Shmem" in /proc/meminfo.
 */
#include "lost.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096, FRAME_DEFAULT = 137 * PAGE };

static struct lost lost = LOST(lost_close);
static atomic_uint shown; /* what the compositor saw last */

static int64_t in_pages(size_t size)
{
    return (int64_t)((size + PAGE - 1) & ~(size_t)(PAGE - 1));
}

/* Reserves the pages at once: a write into a full tmpfs would be a SIGBUS. */
static int reserve(int fd, size_t size)
{
    int err;

    do
        err = posix_fallocate(fd, 0, (off_t)size);
    while (err == EINTR);
    return -err;
}

static void draw(unsigned char *frame, size_t size)
{
    memset(frame, 0x37, size);
    atomic_store_explicit(&shown, frame[size - 1], memory_order_relaxed);
}

__attribute__((noinline)) static int memfd_fixed(struct scene_call *call)
{
    int err = 0;

    if (budget_take(in_pages(call->size), 0, 1) < 0)
        return -ENOSPC;
    for (unsigned i = 0; i < call->n && err == 0; i++) {
        int fd = memfd_create("frame", MFD_CLOEXEC);
        void *frame = MAP_FAILED;

        err = fd < 0 ? -errno : reserve(fd, call->size);
        if (err == 0)
            frame = mmap(NULL, call->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (frame != MAP_FAILED) {
            draw(frame, call->size);
            munmap(frame, call->size);
        } else if (err == 0) {
            err = -errno;
        }
        if (fd >= 0)
            close(fd); /* the last one: now the pages go */
    }
    budget_give(in_pages(call->size), 0, 1);
    return err;
}

__attribute__((noinline)) static int memfd_leak(struct scene_call *call)
{
    const struct held cost = {.bytes = call->n * in_pages(call->size), .fds = call->n};
    int err = lost_begin(&lost, cost, call->n);

    for (unsigned i = 0; i < call->n && err == 0; i++) {
        int fd = memfd_create("frame", MFD_CLOEXEC);
        void *frame = MAP_FAILED;

        err = fd < 0 ? -errno : reserve(fd, call->size);
        if (err == 0)
            frame = mmap(NULL, call->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (frame != MAP_FAILED) {
            draw(frame, call->size);
            munmap(frame, call->size); /* the fatal line: the mapping goes, the memory does not */
        } else if (err == 0) {
            err = -errno;
        }
        if (fd >= 0)
            lose_fd(fd); /* for the reset alone */
    }
    return lost_end(err);
}

LAB_TEXT(memfd);
const struct scene scene_memfd = {
    .id = "memfd",
    .lab = LAB(memfd),
    .title = "Shared memory is unmapped, its descriptor stays",
    .lesson = "The pages of a memfd live until its last descriptor is closed; munmap() frees none.",
    .resource = "fds",
    .signature =
        "The fds profile grows by one memfd a request at memfd_leak; heap, maps and RSS stay flat, "
        "and the memory is missing all the same.",
    .guilty_function = "memfd_leak",
    .n_max = 1000,
    .size_default = FRAME_DEFAULT,
    .size_min = PAGE,
    .size_max = 64 << 20,
    .leak = memfd_leak,
    .fixed = memfd_fixed,
    .lost = &lost,
};
