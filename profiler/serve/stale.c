#include "serve/stale.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "serve/listen.h"

/* The names of the files: a process id between two texts. */
struct pattern {
    char directory[LP_URL_MAX], before[LP_URL_MAX], after[LP_URL_MAX];
};

static bool find_pattern(const char *address, struct pattern *pattern)
{
    static const char prefix[] = "unix:/";
    if (strncmp(address, prefix, sizeof prefix - 1) != 0 || strlen(address) >= LP_URL_MAX)
        return false;
    const char *path = address + sizeof prefix - 2, *name = strrchr(path, '/') + 1;
    const char *id = strstr(path, "%p");
    if (id && (id < name || strstr(id + 1, "%p")))
        return false;
    snprintf(pattern->directory, LP_URL_MAX, "%.*s", (int)(name - path), path);
    if (id)
        snprintf(pattern->before, LP_URL_MAX, "%.*s", (int)(id - name), name);
    else
        snprintf(pattern->before, LP_URL_MAX, "%s.", name);
    snprintf(pattern->after, LP_URL_MAX, "%s", id ? id + 2 : "");
    return true;
}

/* 0: it is not such a name. */
static pid_t process_of(const char *name, const struct pattern *pattern)
{
    size_t before = strlen(pattern->before);
    char *end;
    if (strncmp(name, pattern->before, before) != 0 || name[before] < '1' || name[before] > '9')
        return 0;
    errno = 0;
    long pid = strtol(name + before, &end, 10);
    return errno == 0 && pid <= INT_MAX && strcmp(end, pattern->after) == 0 ? (pid_t)pid : 0;
}

void lp_stale_remove(const char *address)
{
    struct pattern pattern;
    struct dirent *entry;
    DIR *directory = find_pattern(address, &pattern) ? opendir(pattern.directory) : NULL;
    for (int n = 0; directory && n < LP_STALE_LOOK_MAX && (entry = readdir(directory)); n++) {
        char path[LP_URL_MAX + sizeof entry->d_name];
        pid_t pid = process_of(entry->d_name, &pattern);
        snprintf(path, sizeof path, "%s%s", pattern.directory, entry->d_name);
        if (pid && kill(pid, 0) != 0 && errno == ESRCH)
            lp_listen_remove_stale(path);
    }
    if (directory)
        closedir(directory);
}
