#include "inspect/fds.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>

#include "record/fds.h"
#include "record/self.h"

int lp_each_fd(void (*visit)(int fd, bool own, void *arg), void *arg)
{
    DIR *dir = opendir("/proc/self/fd");
    if (!dir)
        return -errno;
    for (struct dirent *entry; (entry = readdir(dir));) {
        struct lp_fd known;
        char *end;
        long fd = strtol(entry->d_name, &end, 10);
        if (end == entry->d_name || *end || (fd == dirfd(dir) && !lp_own_apart()))
            continue;
        visit((int)fd, lp_fd_get((int)fd, &known) && known.own, arg);
    }
    closedir(dir);
    return 0;
}
