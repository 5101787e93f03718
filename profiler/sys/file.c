#include "sys/file.h"

#include <fcntl.h>
#include <string.h>

#include "sys/pages.h"
#include "sys/syscall.h"

static long open_to_read(const char *path)
{
    long fd = lp_syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        lp_own_refuse_file(fd);
    return fd;
}

static long read_from(long fd, char *text, size_t capacity)
{
    long n = lp_syscall(SYS_read, fd, text, capacity);
    if (n < 0)
        lp_own_refuse_file(n);
    return n;
}

ssize_t lp_file_read(const char *path, char *text, size_t capacity)
{
    long fd = open_to_read(path);
    long n = fd < 0 ? fd : read_from(fd, text, capacity - 1);
    if (fd >= 0)
        lp_syscall(SYS_close, fd);
    text[n > 0 ? n : 0] = '\0';
    return n;
}

/* Visits each complete line as a string, and moves the rest to the beginning. */
static int visit_lines(char *buffer, size_t *used, char mark,
                       int (*visit)(const char *line, size_t length, void *arg), void *arg)
{
    char *line = buffer, *end;
    int result = 0;
    while (!result && (end = memchr(line, mark, *used - (size_t)(line - buffer)))) {
        *end = '\0';
        result = visit(line, (size_t)(end - line), arg);
        line = end + 1;
    }
    *used -= (size_t)(line - buffer);
    memmove(buffer, line, *used);
    return result;
}

int lp_file_lines(const char *path, char end, char *buffer, size_t capacity,
                  int (*visit)(const char *line, size_t length, void *arg), void *arg)
{
    size_t used = 0;
    long fd = open_to_read(path), n;
    if (fd < 0)
        return (int)fd;
    int result = 0;
    while (!result) {
        n = read_from(fd, buffer + used, capacity - 1 - used);
        if (n == -EINTR)
            continue;
        if (n < 0)
            result = (int)n;
        if (n <= 0)
            break;
        used += (size_t)n;
        result = visit_lines(buffer, &used, end, visit, arg);
        if (result || used < capacity - 1)
            continue;
        buffer[used] = '\0';
        result = visit(buffer, used, arg);
        used = 0;
    }
    if (!result && used > 0) {
        buffer[used] = '\0';
        result = visit(buffer, used, arg);
    }
    lp_syscall(SYS_close, fd);
    return result;
}
