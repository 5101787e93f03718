#include "inspect/describe.h"

#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "record/self.h"

enum { MQUEUE_MAGIC = 0x19800202, PATH_SHOWN = 400 };

void lp_fd_say(struct lp_fd_seen *seen, const char *format, ...)
{
    size_t used = strlen(seen->state), room = sizeof seen->state - used;
    int n = used ? snprintf(seen->state + used, room, ", ") : 0;
    if ((size_t)n >= room)
        return;
    va_list list;
    va_start(list, format);
    vsnprintf(seen->state + used + n, room - (size_t)n, format, list);
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

/* The program's descriptor as one that this thread can ask: a duplicate for as long as it takes, in
 * a thread with descriptors of its own. -1 where the kernel or a seccomp filter will not give it.
 * Not for files: what some file systems do at a close is the program's business. */
static int borrow(int pidfd, int fd)
{
    return lp_own_apart() ? (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0) : fd;
}

static void give_back(int borrowed)
{
    if (lp_own_apart() && borrowed >= 0)
        close(borrowed);
}

/* What can be read from it now, in bytes; 0 when it does not say. */
static int64_t readable(int pidfd, int fd)
{
    int borrowed = borrow(pidfd, fd), n = 0;
    if (borrowed < 0 || ioctl(borrowed, FIONREAD, &n) != 0)
        n = 0;
    give_back(borrowed);
    return n;
}

/* Both ends are asked the same question, and a pipe that nobody reads shows at both. */
static void pipe_queue(int pidfd, int fd, struct lp_fd_seen *seen)
{
    seen->queued = readable(pidfd, fd);
    lp_fd_say(seen, "%lld B in it, idle not known", (long long)seen->queued);
}

static bool message_queue(const char *path, const char *target)
{
    struct statfs fs;
    return !strchr(target + 1, '/') && statfs(path, &fs) == 0 && fs.f_type == MQUEUE_MAGIC;
}

static void message_queue_state(int pidfd, int fd, struct lp_fd_seen *seen)
{
    char text[128];
    int borrowed = borrow(pidfd, fd);
    ssize_t n = borrowed >= 0 ? pread(borrowed, text, sizeof text - 1, 0) : -1;
    give_back(borrowed);
    if (n > 6 && !memcmp(text, "QSIZE:", 6)) {
        text[n] = '\0';
        seen->queued = strtoll(text + 6, NULL, 10);
        lp_fd_say(seen, "%lld B in it", (long long)seen->queued);
    }
}

/* What has a path may be anything; the kernel's cached word is good enough, for a file server may
 * not answer. */
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

static bool describe_socket(int pidfd, int fd, struct lp_fd_seen *seen)
{
    int borrowed = borrow(pidfd, fd);
    if (borrowed < 0)
        return false;
    lp_socket_describe(borrowed, seen);
    give_back(borrowed);
    return true;
}

void lp_fd_describe(int pidfd, int fd, struct lp_fd_seen *seen)
{
    char path[32], target[PATH_MAX];
    struct statx st = {0};
    seen->kind = NULL;
    seen->state[0] = '\0';
    seen->idle_ns = -1;
    seen->queued = seen->registered = 0;

    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(path, target, sizeof target - 1);
    if (n < 0)
        return;
    target[n] = '\0';

    bool named = target[0] == '/';
    seen->kind = named ? kind_of_path(path, target, &st) : kind_of_link(target);
    if (is(seen, "socket") && describe_socket(pidfd, fd, seen))
        return;
    if (strncmp(target, "anon_inode:", 11) != 0 || is(seen, "anonymous"))
        lp_fd_say(seen, "%.*s", PATH_SHOWN, target);
    if (is(seen, "socket"))
        lp_fd_say(seen, "the kernel does not let it be asked, idle not known");
    else
        lp_fdinfo_describe(fd, seen);
    if (is(seen, "file") || is(seen, "memfd") || is(seen, "shared memory"))
        lp_fd_say(seen, "size %lld B", (long long)st.stx_size);
    else if (is(seen, "pipe"))
        pipe_queue(pidfd, fd, seen);
    else if (is(seen, "message queue"))
        message_queue_state(pidfd, fd, seen);
    else if ((is(seen, "inotify") || is(seen, "fanotify")) &&
             (seen->queued = readable(pidfd, fd)) > 0)
        lp_fd_say(seen, "%lld B of events unread", (long long)seen->queued);
}
