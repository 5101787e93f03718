/*
 * A program that counts its threads, by the links of /proc/self/task, wants to have one. Chromium's
 * zygotes do that before they build their sandbox, and abort if they have more. So the profiler's
 * thread ends, and the process is not served.
 */
#include "hooks/hook.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "hooks/credentials.h"

static void counted(const char *path)
{
    static const char task[] = "self/task";
    size_t n = path ? strlen(path) : 0;
    if (n > 0 && path[n - 1] == '/')
        n--;
    if (n >= sizeof task - 1 && memcmp(path + n - (sizeof task - 1), task, sizeof task - 1) == 0)
        lp_hooks_bar_thread();
}

#define COUNTS(name, params, args)                                                                 \
    LP_FIND(name)                                                                                  \
    LP_HOOK int name params                                                                        \
    {                                                                                              \
        counted(path);                                                                             \
        return LP_REAL(name) args;                                                                 \
    }

COUNTS(stat, (const char *restrict path, struct stat *restrict out), (path, out))
COUNTS(stat64, (const char *restrict path, struct stat64 *restrict out), (path, out))
COUNTS(fstatat, (int dir, const char *restrict path, struct stat *restrict out, int flags),
       (dir, path, out, flags))
COUNTS(fstatat64, (int dir, const char *restrict path, struct stat64 *restrict out, int flags),
       (dir, path, out, flags))
