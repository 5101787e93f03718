/*
 * The machine's limits, read from where each is kept. A container may see its own cgroup as the
 * root or not see it at all, so every level from the named group up to the root is asked, and the
 * lowest answer counts. What cannot be read limits nothing.
 */
#include "budget_defaults.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    THREADS_MAX = 4096,
    FDS_MAX = 16384 /* one peer port leaves 28,232 local ports to call it from */
};

static int64_t lower(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The number in a file; INT64_MAX when there is none ("max", no such file). */
static int64_t read_limit(const char *path)
{
    FILE *file = fopen(path, "re");
    uint64_t number;
    int64_t limit = INT64_MAX;

    if (!file)
        return limit;
    if (fscanf(file, "%" SCNu64, &number) == 1 && number < INT64_MAX)
        limit = (int64_t)number;
    fclose(file);
    return limit;
}

static int64_t walk_up(const char *mount, char *group, const char *leaf)
{
    int64_t limit = INT64_MAX;
    char path[2 * PATH_MAX];
    char *slash;

    do {
        snprintf(path, sizeof(path), "%s%s/%s", mount, group, leaf);
        limit = lower(limit, read_limit(path));
        slash = strrchr(group, '/');
        if (slash)
            *slash = '\0';
    } while (slash);
    return limit;
}

/* The lowest limit of this process's groups: version 1 names the controller, version 2 leaves it
 * empty. */
static int64_t cgroup_limit(const char *controller, const char *leaf_v1, const char *leaf_v2)
{
    FILE *file = fopen("/proc/self/cgroup", "re");
    char line[PATH_MAX], mount[64];
    int64_t limit = INT64_MAX;

    while (file && fgets(line, sizeof(line), file)) {
        char *names = strchr(line, ':');
        char *group = names ? strchr(names + 1, ':') : NULL;

        if (!group)
            continue;
        *group++ = '\0';
        group[strcspn(group, "\n")] = '\0';
        if (names[1] == '\0') {
            limit = lower(limit, walk_up("/sys/fs/cgroup", group, leaf_v2));
        } else if (strcmp(names + 1, controller) == 0) {
            snprintf(mount, sizeof(mount), "/sys/fs/cgroup/%s", controller);
            limit = lower(limit, walk_up(mount, group, leaf_v1));
        }
    }
    if (file)
        fclose(file);
    return limit;
}

static int64_t soft_limit(int resource)
{
    struct rlimit limit;

    if (getrlimit((__rlimit_resource_t)resource, &limit) < 0 || limit.rlim_cur > INT64_MAX)
        return INT64_MAX;
    return (int64_t)limit.rlim_cur;
}

static void raise_fd_limit(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

void budget_defaults(struct budget_limits *limits)
{
    int64_t memory = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
    int64_t threads = read_limit("/proc/sys/kernel/threads-max");

    memory = lower(memory, cgroup_limit("memory", "memory.limit_in_bytes", "memory.max"));
    memory = lower(memory, soft_limit(RLIMIT_AS));
    threads = lower(threads, cgroup_limit("pids", "pids.max", "pids.max"));
    threads = lower(threads, soft_limit(RLIMIT_NPROC));
    raise_fd_limit();

    limits->mem = memory / 4;
    limits->threads = lower(threads / 4, THREADS_MAX);
    limits->fds = lower(soft_limit(RLIMIT_NOFILE) / 2, FDS_MAX);
}
