#include "inspect/stderr.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "record/self.h"

/* What tells one file from another; the time of its birth, where there is one, for the number of
 * a file that was deleted may come back. */
struct identity {
    uint64_t inode;
    int64_t born_s;
    uint32_t device[2], special[2], type, born_ns;
};

static struct identity remembered; /* all zero: there was none */

/* All bytes of *out are set. path: NULL for the descriptor itself. */
static bool identify(int fd, const char *path, struct identity *out)
{
    struct statx file;
    memset(out, 0, sizeof *out);
    if (statx(fd, path ? path : "", path ? 0 : AT_EMPTY_PATH, STATX_TYPE | STATX_INO | STATX_BTIME,
              &file) != 0)
        return false;
    out->inode = file.stx_ino;
    out->type = file.stx_mode & S_IFMT;
    out->device[0] = file.stx_dev_major, out->device[1] = file.stx_dev_minor;
    out->special[0] = file.stx_rdev_major, out->special[1] = file.stx_rdev_minor;
    if (file.stx_mask & STATX_BTIME)
        out->born_s = file.stx_btime.tv_sec, out->born_ns = file.stx_btime.tv_nsec;
    return true;
}

void lp_stderr_remember(void)
{
    identify(AT_FDCWD, "/proc/self/fd/2", &remembered);
}

/* A duplicate for as long as the line takes; -1 when there is none to have. */
static int borrow(void)
{
    if (!lp_own_apart())
        return fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    int fd = pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, STDERR_FILENO, 0);
    if (pidfd >= 0)
        close(pidfd);
    return fd;
}

/* For what the program may open but not open anew: a terminal or pipe of the user that it was. */
static ssize_t write_when_ready(int fd, const char *line, size_t size)
{
    struct pollfd state = {.fd = fd, .events = POLLOUT};
    if (poll(&state, 1, 0) != 1 || state.revents != POLLOUT)
        return -1;
    return write(fd, line, size);
}

static ssize_t write_anew(int fd, const char *line, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/thread-self/fd/%d", fd);
    int anew = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (anew < 0)
        return errno == ENXIO ? -1 : write_when_ready(fd, line, size); /* ENXIO: nobody reads */
    ssize_t written = write(anew, line, size);
    close(anew);
    return written;
}

/* A file must not be opened anew: the place where the next line goes is in what was opened first.
 * SIGPIPE and SIGTTOU are blocked in this thread, as all signals are. */
static ssize_t write_at_once(int fd, uint32_t type, const char *line, size_t size)
{
    switch (type) {
    case S_IFREG:
        return write(fd, line, size);
    case S_IFSOCK:
        return send(fd, line, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    case S_IFIFO:
        return write_anew(fd, line, size);
    default:
        return isatty(fd) ? write_anew(fd, line, size) : write_when_ready(fd, line, size);
    }
}

bool lp_stderr_write(const char *line, size_t size)
{
    struct identity now;
    int fd = borrow();
    if (fd < 0)
        return false;
    bool written = identify(fd, NULL, &now) && memcmp(&now, &remembered, sizeof now) == 0 &&
                   write_at_once(fd, now.type, line, size) == (ssize_t)size;
    close(fd);
    return written;
}
