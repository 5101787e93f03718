#include "sys/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

ssize_t lp_file_read(const char *path, char *text, size_t room)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, room - 1);
    if (n < 0)
        n = -errno;
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = '\0';
    return n;
}
