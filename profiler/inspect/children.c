#include "inspect/children.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "record/procs.h"
#include "sys/file.h"

enum { RANGES_AT_ONCE = 256 };

bool lp_process_look(pid_t pid, struct lp_child_seen *seen)
{
    char path[32], text[600];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    if (lp_file_read(path, text, sizeof text) <= 0)
        return false;
    char *name = strchr(text, '('), *rest = strrchr(text, ')');
    if (!name || !rest)
        return false;
    *rest = '\0';
    snprintf(seen->name, sizeof seen->name, "%s", name + 1);
    return sscanf(rest + 1,
                  " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
                  &seen->state, &seen->parent, &seen->began) == 3 &&
           seen->state != 'X';
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
