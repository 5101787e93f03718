/*
 * Fd-error-path: open, fail, return.
 *
 * A service reads the avatars that its users uploaded. A file that is no PNG is refused, and the
 * function returns early; the close() stands at its end, which only good files reach. It goes well
 * in every test, for tests upload pictures, and fails on the day somebody writes a client that
 * uploads something else.
 *
 * What the profiles show: fds grows by one file for every upload that is refused, at
 * fd_error_path_leak. Each by itself (debug=2) says which file, and its offset: eight bytes were
 * read, so somebody looked at the signature and no further. The heap is flat.
 */
#include "lost.h"
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

enum { FILE_COST = 1 << 10, PNG_BYTES = 8, PIXELS = 1337 }; /* for the budget: the kernel's side */

static const char signature[PNG_BYTES + 1] = "\x89PNG\r\n\x1a\n";
static const char *const uploads[] = {"avatar.png", "holiday.tiff"}; /* the second is no PNG */

static struct lost left_open = LOST(lost_close, .beside = FILE_COST);
static struct scratch scratch;
static atomic_uint shown, refused;

static bool is_png(int fd)
{
    char begin[PNG_BYTES];

    return read(fd, begin, sizeof(begin)) == sizeof(begin) &&
           memcmp(begin, signature, sizeof(begin)) == 0;
}

static void show(int fd)
{
    char pixels[PIXELS];

    if (read(fd, pixels, sizeof(pixels)) > 0)
        atomic_fetch_add_explicit(&shown, 1, memory_order_relaxed);
}

__attribute__((noinline)) static int fd_error_path_fixed(struct scene_call *call)
{
    char path[320];
    int err = 0, fd;

    if (budget_take(FILE_COST, 0, 1) < 0)
        return -ENOSPC;
    for (unsigned i = 0; i < 2 * call->n && err == 0; i++) {
        fd = open(scratch_path(&scratch, uploads[i % 2], path, sizeof(path)), O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
            err = -errno;
            continue;
        }
        if (!is_png(fd)) {
            atomic_fetch_add_explicit(&refused, 1, memory_order_relaxed);
            close(fd);
            continue;
        }
        show(fd);
        close(fd);
    }
    budget_give(FILE_COST, 0, 1);
    return err;
}

__attribute__((noinline)) static int fd_error_path_leak(struct scene_call *call)
{
    char path[320];
    int err = lost_begin(&left_open, (struct held){.fds = call->n}, call->n), fd;

    for (unsigned i = 0; i < 2 * call->n && err == 0; i++) {
        fd = open(scratch_path(&scratch, uploads[i % 2], path, sizeof(path)), O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
            err = -errno;
            continue;
        }
        if (!is_png(fd)) {
            atomic_fetch_add_explicit(&refused, 1, memory_order_relaxed);
            lose_fd(fd); /* for the reset alone: the service forgets the number */
            continue;    /* the fatal line: the close() below is for good files only */
        }
        show(fd);
        close(fd); /* the budget has room for it: the next one is lost, and is yet to come */
    }
    return lost_end(err);
}

static int fd_error_path_start(void)
{
    char picture[PNG_BYTES + PIXELS] = {0};
    int err = scratch_make(&scratch);

    memcpy(picture, signature, PNG_BYTES);
    if (err == 0)
        err = scratch_write(&scratch, uploads[0], picture, sizeof(picture));
    if (err == 0)
        err = scratch_write(&scratch, uploads[1], "II*\0, and so on", 16);
    return err;
}

static void fd_error_path_stop(void)
{
    scratch_unlink(&scratch, uploads[0]);
    scratch_unlink(&scratch, uploads[1]);
    scratch_remove(&scratch);
}

LAB_TEXT(fd_error_path);
const struct scene scene_fd_error_path = {
    .id = "fd-error-path",
    .lab = LAB(fd_error_path),
    .title = "Open, fail, return",
    .lesson = "An early return skips the close(), so every file that is refused stays open.",
    .resource = "fds",
    .signature = "The fds profile grows by one file for each upload that is refused, opened in "
                 "fd_error_path_leak and read to offset 8; the heap is flat.",
    .guilty_function = "fd_error_path_leak",
    .n_max = 1000,
    .start = fd_error_path_start,
    .stop = fd_error_path_stop,
    .leak = fd_error_path_leak,
    .fixed = fd_error_path_fixed,
    .lost = &left_open,
};
