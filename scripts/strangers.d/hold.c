/*
 * Preloaded before the profiler: when the program named HOLD_PROGRAM exits, it waits until its
 * profile was read. Its forked children do not wait. The first such process creates the file HOLD
 * with its process id, and waits until the file is gone, at most 20 s.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *path;
static pid_t self;

static void hold(void)
{
    int fd = getpid() == self ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666) : -1;
    if (fd < 0)
        return;
    dprintf(fd, "%d\n", (int)getpid());
    close(fd);
    for (int i = 0; i < 1000 && access(path, F_OK) == 0; i++)
        usleep(20000);
}

__attribute__((constructor)) static void start(void)
{
    const char *name = getenv("HOLD_PROGRAM");
    self = getpid();
    path = getenv("HOLD");
    if (path && name && strcmp(name, program_invocation_short_name) == 0)
        atexit(hold);
}
