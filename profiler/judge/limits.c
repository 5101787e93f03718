/*
 * The lowest limit counts. A cgroup is also limited by each of its ancestors, so every level of its
 * path is read up to the root. In a container the root is often the only level that can be read.
 *
 * A thread takes two mappings (its stack and the guard page), so half of vm.max_map_count is a
 * limit of threads. On most machines it is the lowest one. A thread that has ended keeps its
 * mappings until it is joined.
 */
#include "judge/limits.h"

#include "inspect/openfile.h"
#include "leakprof_server.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "sys/pages.h"

static void tighten(int64_t *limit, int64_t other)
{
    if (other > 0 && other < *limit)
        *limit = other;
}

/* The number in a file. 0: there is none ("max", or no such file). */
static int64_t number_in(const char *path)
{
    long long number = 0;
    FILE *file = lp_open_stream(path);

    if (!file)
        return 0;
    if (fscanf(file, "%lld", &number) != 1)
        number = 0;
    lp_close_stream(file);
    return number;
}

static void tighten_by_cgroup(int64_t *limit, const char *mount, const char *group,
                              const char *name)
{
    char path[PATH_MAX + 256];

    for (size_t length = strlen(group);;) {
        snprintf(path, sizeof(path), "%s%.*s/%s", mount, (int)length, group, name);
        tighten(limit, number_in(path));
        if (length == 0)
            return;
        while (--length > 0 && group[length] != '/')
            ;
    }
}

/* Lines are "0::/path" in version 2, "5:memory:/path" in version 1. */
static void read_cgroups(struct lp_limits *limits)
{
    char line[PATH_MAX];
    FILE *file = lp_open_stream("/proc/thread-self/cgroup");

    if (!file)
        return;
    while (fgets(line, sizeof(line), file)) {
        line[strcspn(line, "\n")] = '\0';
        char *controllers = strchr(line, ':');
        char *path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!path)
            continue;
        *path++ = '\0';
        controllers++;
        if (controllers[0] == '\0') {
            tighten_by_cgroup(&limits->at[LP_BOUND_MEMORY], "/sys/fs/cgroup", path, "memory.max");
            tighten_by_cgroup(&limits->at[LP_BOUND_THREADS], "/sys/fs/cgroup", path, "pids.max");
        } else if (strcmp(controllers, "memory") == 0) {
            tighten_by_cgroup(&limits->at[LP_BOUND_MEMORY], "/sys/fs/cgroup/memory", path,
                              "memory.limit_in_bytes");
        } else if (strcmp(controllers, "pids") == 0) {
            tighten_by_cgroup(&limits->at[LP_BOUND_THREADS], "/sys/fs/cgroup/pids", path,
                              "pids.max");
        }
    }
    lp_close_stream(file);
}

static void tighten_by_rlimit(int64_t *limit, __rlimit_resource_t resource)
{
    struct rlimit rlimit;

    if (getrlimit(resource, &rlimit) == 0 && rlimit.rlim_cur <= INT64_MAX)
        tighten(limit, (int64_t)rlimit.rlim_cur);
}

void lp_limits_read(struct lp_limits *limits)
{
    limits->at[LP_BOUND_NONE] = INT64_MAX;
    limits->at[LP_BOUND_MEMORY] = (int64_t)sysconf(_SC_PHYS_PAGES) * LP_PAGE;
    limits->at[LP_BOUND_THREADS] = INT32_MAX;
    limits->at[LP_BOUND_STACKS] = INT32_MAX;
    limits->at[LP_BOUND_FDS] = INT32_MAX;
    limits->at[LP_BOUND_WATCHES] = INT32_MAX;

    tighten_by_rlimit(&limits->at[LP_BOUND_MEMORY], RLIMIT_AS);
    tighten_by_rlimit(&limits->at[LP_BOUND_THREADS], RLIMIT_NPROC);
    tighten_by_rlimit(&limits->at[LP_BOUND_FDS], RLIMIT_NOFILE);
    tighten(&limits->at[LP_BOUND_THREADS], number_in("/proc/sys/kernel/threads-max"));
    tighten(&limits->at[LP_BOUND_THREADS], number_in("/proc/sys/kernel/pid_max"));
    tighten(&limits->at[LP_BOUND_STACKS], number_in("/proc/sys/vm/max_map_count") / 2);
    tighten(&limits->at[LP_BOUND_WATCHES], number_in("/proc/sys/fs/inotify/max_user_watches"));
    tighten(&limits->at[LP_BOUND_WATCHES], number_in("/proc/sys/fs/epoll/max_user_watches"));
    tighten(&limits->at[LP_BOUND_THREADS], limits->at[LP_BOUND_STACKS]);
    read_cgroups(limits);
}

void leakprof_limits(struct leakprof_limits *limits)
{
    struct lp_limits all;

    lp_limits_read(&all);
    *limits = (struct leakprof_limits){.memory = all.at[LP_BOUND_MEMORY],
                                       .threads = all.at[LP_BOUND_THREADS],
                                       .fds = all.at[LP_BOUND_FDS]};
}
