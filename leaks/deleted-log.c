/*
 * Deleted-log: a rotated log file that is held open.
 *
 * A service writes an audit log and starts a new file when the old one is large. The rotation
 * opens a new file and gives it the name of the old one. The old descriptor is overwritten by the
 * new one, and a file without a name whose descriptor nobody knows stays until the program ends:
 * its disk blocks, too. The disk fills up, and `du` cannot say with what.
 *
 * What the profiles show: fds grows by one file a rotation at deleted_log_leak; each by itself
 * (debug=2) has the same path, followed by "(deleted)". The heap is flat.
 */
#include "lost.h"
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

enum { LOG_BYTES = 13370 }; /* at which a log is rotated; for the budget as well */

static struct lost left_open = LOST(lost_close, .beside = LOG_BYTES); /* of old logs */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_fd; /* the log that is written; protected by lock */
static struct scratch scratch;
static char path[320], path_new[320];
static char line[LOG_BYTES];

/* Until it is large enough to be rotated. */
static int fill_log(void)
{
    return write(log_fd, line, sizeof(line)) == (ssize_t)sizeof(line) ? 0 : -EIO;
}

/* The new file has the log's name now, and the old one has none. 0 or negative errno: it has not,
 * and its descriptor is closed. */
static int take_name(int fd)
{
    int err;

    if (rename(path_new, path) == 0)
        return 0;
    err = -errno;
    close(fd);
    return err;
}

__attribute__((noinline)) static int deleted_log_fixed(struct scene_call *call)
{
    int err = 0, fd;

    if (budget_take(LOG_BYTES, 0, 1) < 0)
        return -ENOSPC;
    pthread_mutex_lock(&lock);
    for (unsigned i = 0; i < call->n && err == 0; i++) {
        if ((err = fill_log()) < 0)
            continue;
        fd = open(path_new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        err = fd < 0 ? -errno : take_name(fd);
        if (err < 0)
            continue;
        close(log_fd);
        log_fd = fd;
    }
    pthread_mutex_unlock(&lock);
    budget_give(LOG_BYTES, 0, 1);
    return err;
}

__attribute__((noinline)) static int deleted_log_leak(struct scene_call *call)
{
    int err = lost_begin(&left_open, (struct held){.fds = call->n}, call->n), fd;

    pthread_mutex_lock(&lock);
    for (unsigned i = 0; i < call->n && err == 0; i++) {
        if ((err = fill_log()) < 0)
            continue;
        fd = open(path_new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        err = fd < 0 ? -errno : take_name(fd);
        if (err < 0)
            continue;
        lose_fd(log_fd); /* for the reset alone */
        log_fd = fd;     /* the fatal line: the number of the old one was here, and nowhere else */
    }
    pthread_mutex_unlock(&lock);
    return lost_end(err);
}

static int deleted_log_start(void)
{
    int err = scratch_make(&scratch);

    if (err < 0)
        return err;
    scratch_path(&scratch, "audit.log", path, sizeof(path));
    scratch_path(&scratch, "audit.log.new", path_new, sizeof(path_new));
    memset(line, '.', sizeof(line));
    log_fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    return log_fd < 0 ? -errno : 0;
}

static void deleted_log_stop(void)
{
    close(log_fd);
    unlink(path_new); /* if a rename failed */
    unlink(path);
    scratch_remove(&scratch);
}

LAB_TEXT(deleted_log);
const struct scene scene_deleted_log = {
    .id = "deleted-log",
    .lab = LAB(deleted_log),
    .title = "A rotated log is held open",
    .lesson = "A rotation that opens the new log without closing the old one keeps every old file, "
              "and its disk space, without a name.",
    .resource = "fds",
    .signature = "The fds profile grows by one file a rotation, opened in deleted_log_leak and "
                 "marked (deleted); the heap is flat.",
    .guilty_function = "deleted_log_leak",
    .n_max = 200,
    .start = deleted_log_start,
    .stop = deleted_log_stop,
    .leak = deleted_log_leak,
    .fixed = deleted_log_fixed,
    .lost = &left_open,
};
