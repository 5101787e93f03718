#include "inspect/stderr.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inspect/program.h"
#include "record/self.h"
#include "sys/file.h"
#include "sys/syscall.h"

/* Identifies a file. The time of birth is included if there is one, because the inode number of a
 * deleted file may be reused. */
struct identity {
    uint64_t inode;
    int64_t born_s;
    uint32_t device[2], special[2], type, born_ns;
};

static struct identity remembered; /* all zero: there was no file */
static bool is_terminal;
static int kept = -1;

/* Gets the identity of the file at `path`, or behind `fd` if that is "". Sets all bytes of *out. */
static bool identify(int fd, const char *path, struct identity *out)
{
    struct statx file;
    memset(out, 0, sizeof *out);
    if (statx(fd, path, AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_INO | STATX_BTIME,
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

static bool is_remembered(int fd, const char *path)
{
    struct identity now;
    return identify(fd, path, &now) && memcmp(&now, &remembered, sizeof now) == 0;
}

void lp_stderr_begin(bool wanted)
{
    int fd = lp_own_apart() ? lp_own_stderr() : STDERR_FILENO;
    kept = lp_own_apart() ? fd : -1;
    identify(fd, "", &remembered);
    is_terminal = isatty(fd);
    bool keeps =
        remembered.type == S_IFREG || remembered.type == S_IFSOCK || remembered.type == S_IFCHR;
    if (kept >= 0 && !(wanted && keeps)) {
        close(kept);
        kept = -1;
    }
}

void lp_stderr_end(void)
{
    if (kept >= 0)
        close(kept);
    kept = -1;
}

/* Descriptor 2 is another file now. */
static void release(void)
{
    struct stat st;
    if (kept < 0 || (remembered.type == S_IFREG && fstat(kept, &st) == 0 && st.st_nlink > 0))
        return;
    close(kept);
    kept = -1;
}

static bool write_when_ready(int fd, const char *line, size_t size)
{
    struct pollfd state = {.fd = fd, .events = POLLOUT};
    return lp_syscall(SYS_poll, &state, 1, 0) == 1 && state.revents == POLLOUT &&
           write(fd, line, size) == (ssize_t)size;
}

/* Checks `path` before it opens it, because opening another file could have an effect. Returns a
 * descriptor or a negative errno. */
static int open_anew(const char *path)
{
    char same[64];
    int at = open(path, O_PATH | O_CLOEXEC);
    if (at < 0)
        return -errno;
    snprintf(same, sizeof same, LP_PROC_SELF "fd/%d", at);
    int fd = is_remembered(at, "") ? open(same, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1;
    if (fd < 0)
        fd = -errno;
    close(at);
    return fd;
}

static bool write_anew(const char *path, int duplicate, const char *line, size_t size)
{
    int fd = open_anew(path);
    if (fd < 0)
        return fd == -EACCES && duplicate >= 0 && write_when_ready(duplicate, line, size);
    bool written = write(fd, line, size) == (ssize_t)size;
    close(fd);
    return written;
}

/* SIGPIPE and SIGTTOU are blocked in this thread, as all signals are. */
bool lp_stderr_write(const char *line, size_t size)
{
    char path[LP_PROGRAM_PATH];
    lp_program_path(path, lp_program_thread(), "fd/%d", STDERR_FILENO);
    if (!is_remembered(AT_FDCWD, path)) {
        release();
        return false;
    }
    int fd = lp_own_apart() ? kept : STDERR_FILENO;
    if (remembered.type == S_IFIFO || is_terminal)
        return write_anew(path, fd, line, size);
    if (fd < 0)
        return false;
    if (remembered.type == S_IFSOCK)
        return send(fd, line, size, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)size;
    return remembered.type == S_IFREG ? write(fd, line, size) == (ssize_t)size
                                      : write_when_ready(fd, line, size);
}
