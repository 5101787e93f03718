/*
 * A private temporary directory, for scenes that work on files. It is made when the server starts
 * and gone when it has stopped.
 */
#ifndef LEAKS_SCRATCH_H
#define LEAKS_SCRATCH_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct scratch {
    char directory[256];
};

/* 0 or negative errno. */
static inline int scratch_make(struct scratch *scratch)
{
    const char *where = getenv("TMPDIR");
    int n = snprintf(scratch->directory, sizeof(scratch->directory), "%s/leakyard-XXXXXX",
                     where && *where ? where : "/tmp");

    if (n >= (int)sizeof(scratch->directory))
        return -ENAMETOOLONG;
    return mkdtemp(scratch->directory) ? 0 : -errno;
}

/* The path of a file in it, written into path[size]. */
static inline const char *scratch_path(const struct scratch *scratch, const char *name, char *path,
                                       size_t size)
{
    snprintf(path, size, "%s/%s", scratch->directory, name);
    return path;
}

/* A file of these bytes. 0 or negative errno. */
static inline int scratch_write(const struct scratch *scratch, const char *name, const void *bytes,
                                size_t size)
{
    char path[320];
    int fd = open(scratch_path(scratch, name, path, sizeof(path)),
                  O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int err = fd < 0 || write(fd, bytes, size) != (ssize_t)size ? -EIO : 0;

    if (fd >= 0)
        close(fd);
    return err;
}

static inline void scratch_unlink(const struct scratch *scratch, const char *name)
{
    char path[320];

    unlink(scratch_path(scratch, name, path, sizeof(path)));
}

/* After all files in it are gone. */
static inline void scratch_remove(const struct scratch *scratch)
{
    if (scratch->directory[0])
        rmdir(scratch->directory);
}

#endif
