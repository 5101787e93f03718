#include "inspect/describe.h"

#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "inspect/openfile.h"
#include "inspect/program.h"
#include "sys/file.h"

enum { MQUEUE_MAGIC = 0x19800202, PATH_SHOWN = 400 };

void lp_fd_say(struct lp_fd_seen *seen, const char *format, ...)
{
    size_t used = strlen(seen->state), capacity = sizeof seen->state - used;
    int n = used ? snprintf(seen->state + used, capacity, ", ") : 0;
    if ((size_t)n >= capacity)
        return;
    va_list list;
    va_start(list, format);
    vsnprintf(seen->state + used + n, capacity - (size_t)n, format, list);
    va_end(list);
}

const char *lp_seconds_text(char text[LP_SECONDS_MAX], int64_t ns)
{
    if (ns < 1000000000)
        snprintf(text, LP_SECONDS_MAX, "%d ms", (int)(ns / 1000000));
    else
        snprintf(text, LP_SECONDS_MAX, "%.1f s", (double)ns / 1e9);
    return text;
}

/* How many bytes are in a pipe. It is opened again for that, in the mode of this descriptor, so
 * that it has readers and writers as before. The only effect is that an end of file may come later
 * by the time that this takes. `path` may be another file by now, so it is opened only after a
 * check that it is a pipe. */
static void say_pipe(struct lp_fd_seen *seen, const char *path, int flags)
{
    char anew[64];
    struct stat st;
    int n = 0, fd = -1, at = lp_open_file(path, O_PATH);
    if (at >= 0 && flags >= 0 && !(flags & O_PATH) && fstat(at, &st) == 0 && S_ISFIFO(st.st_mode)) {
        snprintf(anew, sizeof anew, LP_PROC_SELF "fd/%d", at);
        fd = lp_open_file(anew, (flags & O_ACCMODE) | O_NONBLOCK);
    }
    if (fd >= 0 && ioctl(fd, FIONREAD, &n) == 0) {
        seen->queued = n;
        lp_fd_say(seen, "%d B in it", n);
    }
    if (fd >= 0)
        close(fd);
    if (at >= 0)
        close(at);
    lp_fd_say(seen, "idle not known");
}

static bool message_queue(const char *path, const char *target)
{
    struct statfs fs;
    return !strchr(target + 1, '/') && statfs(path, &fs) == 0 && fs.f_type == MQUEUE_MAGIC;
}

/* A descriptor with a path may be of any kind. Cached attributes are good enough, because a file
 * server may not answer. */
static const char *kind_of_path(const char *path, const char *target, struct statx *st)
{
    if (statx(AT_FDCWD, path, AT_STATX_DONT_SYNC, STATX_TYPE | STATX_SIZE, st) != 0)
        st->stx_mode = 0;
    if (S_ISDIR(st->stx_mode))
        return "directory";
    if (S_ISCHR(st->stx_mode) || S_ISBLK(st->stx_mode))
        return "device";
    if (S_ISFIFO(st->stx_mode))
        return "pipe";
    if (!strncmp(target, "/memfd:", 7) || !strcmp(target, "/secretmem (deleted)"))
        return "memfd";
    if (!strncmp(target, "/dev/shm/", 9))
        return "shared memory";
    return message_queue(path, target) ? "message queue" : "file";
}

static const char *kind_of_link(const char *target)
{
    static const struct {
        const char *prefix, *kind;
    } kinds[] = {
        {"socket:", "socket"},
        {"pipe:", "pipe"},
        {"anon_inode:[eventpoll]", "epoll"},
        {"anon_inode:[eventfd", "eventfd"},
        {"anon_inode:[timerfd]", "timerfd"},
        {"anon_inode:[signalfd]", "signalfd"},
        {"anon_inode:inotify", "inotify"},
        {"anon_inode:[fanotify]", "fanotify"},
        {"anon_inode:[pidfd]", "pidfd"},
        {"pidfd:", "pidfd"},
        {"anon_inode:[io_uring]", "io_uring"},
        {"anon_inode:[perf_event]", "perf_event"},
        {"anon_inode:[userfaultfd]", "userfaultfd"},
        {"anon_inode:", "anonymous"},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!strncmp(target, kinds[i].prefix, strlen(kinds[i].prefix)))
            return kinds[i].kind;
    return "other";
}

static bool is(const struct lp_fd_seen *seen, const char *kind)
{
    return !strcmp(seen->kind, kind);
}

/* A socket that is in no table is not bound, or belongs to another network namespace. */
static void say_unlisted(struct lp_fds *fds, const struct lp_open_fd *open, struct lp_fd_seen *seen)
{
    lp_fd_say(seen, "socket:[%u]", open->inode);
    if (!lp_sockets_read(&fds->sockets, open->source))
        lp_fd_say(seen, "no table of the kernel can be read");
    else if (is(seen, "tcp socket"))
        lp_fd_say(seen, "not connected, CLOSED, or in another network namespace");
    else if (is(seen, "unix socket"))
        lp_fd_say(seen, "in another network namespace");
    else
        lp_fd_say(seen, "not bound, or in another network namespace");
    lp_fd_say(seen, "idle not known");
}

/* If a descriptor has no fdinfo any more, it was closed after it was listed. */
static void describe_socket(struct lp_fds *fds, const struct lp_open_fd *open,
                            struct lp_fd_seen *seen)
{
    const struct lp_socket *socket = lp_sockets_find(&fds->sockets, open->inode);
    const struct lp_socket_source *source = socket ? socket->source : open->source;
    seen->kind = source ? source->kind : "socket";
    if (socket)
        lp_socket_describe(&fds->sockets, socket, seen);
    else
        say_unlisted(fds, open, seen);
    if (lp_fdinfo_describe(fds->program, open->fd, seen) < 0)
        seen->kind = NULL;
}

void lp_fd_describe(struct lp_fds *fds, const struct lp_open_fd *open, struct lp_fd_seen *seen)
{
    char path[LP_PROGRAM_PATH], target[PATH_MAX];
    struct statx st = {0};
    seen->kind = NULL;
    seen->state[0] = '\0';
    seen->idle_ns = -1;
    seen->queued = seen->registered = 0;
    seen->outside = 0;

    if (open->inode) {
        describe_socket(fds, open, seen);
        return;
    }
    ssize_t n =
        readlink(lp_program_path(path, fds->program, "fd/%d", open->fd), target, sizeof target - 1);
    if (n < 0)
        return;
    target[n] = '\0';

    seen->kind = target[0] == '/' ? kind_of_path(path, target, &st) : kind_of_link(target);
    if (strncmp(target, "anon_inode:", 11) != 0 || is(seen, "anonymous"))
        lp_fd_say(seen, "%.*s", PATH_SHOWN, target);
    seen->outside = strlen(seen->state);
    int flags = lp_fdinfo_describe(fds->program, open->fd, seen);
    if (is(seen, "file") || is(seen, "memfd") || is(seen, "shared memory"))
        lp_fd_say(seen, "size %lld B", (long long)st.stx_size);
    else if (is(seen, "pipe"))
        say_pipe(seen, path, target[0] == '/' ? -1 : flags);
}
