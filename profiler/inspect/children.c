#include "inspect/children.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "record/procs.h"
#include "sys/file.h"

enum { RANGES_AT_ONCE = 256 };

/* 0; -ENOENT or -ESRCH: there is no such process; another negative errno: it is not known. */
static int look(pid_t pid, struct lp_child_seen *seen)
{
    char path[32], text[600];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    ssize_t n = lp_file_read(path, text, sizeof text);
    if (n < 0)
        return (int)n;
    char *name = strchr(text, '('), *rest = strrchr(text, ')');
    if (!name || !rest)
        return -EIO;
    *rest = '\0';
    snprintf(seen->name, sizeof seen->name, "%s", name + 1);
    if (sscanf(rest + 1,
               " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
               &seen->state, &seen->parent, &seen->began) != 3)
        return -EIO;
    return seen->state == 'X' ? -ESRCH : 0;
}

bool lp_process_look(pid_t pid, struct lp_child_seen *seen)
{
    return look(pid, seen) == 0;
}

bool lp_child_is_gone(pid_t pid)
{
    struct lp_child_seen seen;
    int error = look(pid, &seen);
    return error ? error == -ENOENT || error == -ESRCH : seen.parent != getpid();
}

bool lp_child_look(pid_t pid, struct lp_child_seen *seen)
{
    return lp_process_look(pid, seen) && seen->parent == getpid();
}

int64_t lp_children(int64_t *zombies)
{
    struct lp_range some[RANGES_AT_ONCE];
    struct lp_child_seen seen;
    uint64_t from = 0;
    int64_t children = 0;
    *zombies = 0;
    for (uint32_t n; (n = lp_procs_copy(from, some, RANGES_AT_ONCE)) > 0;) {
        for (uint32_t i = 0; i < n && some[i].start <= UINT32_MAX; i++) {
            if (!lp_child_look((pid_t)some[i].start, &seen))
                continue;
            children++;
            *zombies += lp_child_is_zombie(&seen);
        }
        from = some[n - 1].start + 1;
    }
    return children;
}
