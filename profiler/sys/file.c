#include "sys/file.h"

#include <fcntl.h>

#include "sys/syscall.h"

ssize_t lp_file_read(const char *path, char *text, size_t room)
{
    long fd = lp_syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    long n = fd < 0 ? fd : lp_syscall(SYS_read, fd, text, room - 1);
    if (fd >= 0)
        lp_syscall(SYS_close, fd);
    text[n > 0 ? n : 0] = '\0';
    return n;
}
