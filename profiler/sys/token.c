#include "sys/token.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "leakprof_server.h"
#include "sys/syscall.h"

/* 0: only the user of this process and root can read and change it. A file of root may be readable
 * for a group, because otherwise only root could read it. */
static int check_file(int fd)
{
    struct stat file = {0};
    long error = lp_syscall(SYS_fstat, fd, &file);
    if (error)
        return (int)error;
    if (S_ISDIR(file.st_mode))
        return -EISDIR;
    if (!S_ISREG(file.st_mode))
        return -ENXIO;
    uid_t user = (uid_t)lp_syscall(SYS_geteuid);
    mode_t refused = file.st_uid == user ? 077 : 037;
    return (file.st_uid == user || file.st_uid == 0) && !(file.st_mode & refused) ? 0 : -EPERM;
}

static int take_first_line(const char *text, size_t n, char *token, size_t size)
{
    const char *end = memchr(text, '\n', n);
    size_t length = end ? (size_t)(end - text) : n;
    length -= length > 0 && text[length - 1] == '\r';
    bool good = length >= LEAKPROF_TOKEN_MIN && length < size;
    for (size_t i = 0; i < length; i++)
        good &= text[i] > ' ' && text[i] <= '~';
    if (!good)
        return -EINVAL;
    memcpy(token, text, length);
    token[length] = '\0';
    return 0;
}

int lp_token_read(const char *path, char *token, int size)
{
    char text[1024];
    /* Without O_NONBLOCK, opening a FIFO waits until somebody writes into it. */
    long fd = lp_syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return (int)fd;
    long result = check_file((int)fd);
    if (!result) {
        result = lp_syscall(SYS_read, fd, text, sizeof text);
        if (result >= 0) /* a longer line is cut, and still too long */
            result = take_first_line(text, (size_t)result, token,
                                     (size_t)size < sizeof text ? (size_t)size : sizeof text);
    }
    lp_syscall(SYS_close, fd);
    return (int)result;
}

const char *lp_token_refused(int error)
{
    switch (error) {
    case -EINVAL:
        return "the first line must be 16 or more characters without spaces";
    case -EISDIR:
    case -ENXIO:
        return "it is not a regular file";
    case -EPERM:
        return "other users can read or change it. Use chmod 600. Its owner must be the user of "
               "this process, or root";
    default:
        return strerror(-error);
    }
}
