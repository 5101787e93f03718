#include "inspect/fds.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "inspect/openfile.h"
#include "inspect/program.h"
#include "record/fds.h"
#include "record/self.h"

int lp_each_fd(pid_t program, void (*visit)(int fd, bool own, void *arg), void *arg)
{
    char path[LP_PROGRAM_PATH];
    DIR *dir = lp_open_dir(lp_program_path(path, program, "fd"));
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

static void add(int fd, bool own, void *arg)
{
    struct lp_fds *fds = arg;
    char path[LP_PROGRAM_PATH], target[64] = "";
    struct lp_open_fd *open = own ? NULL : lp_array_add(&fds->list);
    if (!open)
        return;
    open->fd = fd;
    lp_program_path(path, fds->program, "fd/%d", fd);
    if (readlink(path, target, sizeof target - 1) <= 0 || !(open->inode = lp_socket_inode(target)))
        return;
    uint32_t *inode = lp_array_add(&fds->inodes);
    if (inode)
        *inode = open->inode;
}

static int by_number(const void *x, const void *y)
{
    uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;
    return (a > b) - (a < b);
}

/* Reads the table of the first socket that is in no table yet, and repeats that. One reading covers
 * all sockets of a protocol. All descriptors are listed already, so a socket that is in no table
 * now was in none before. */
static void find_sockets(struct lp_fds *fds)
{
    struct lp_open_fd *all = fds->list.at;
    char path[LP_PROGRAM_PATH];
    lp_sockets_begin(&fds->sockets, fds->program, fds->inodes.at, fds->inodes.n);
    for (size_t i = 0; i < fds->list.n; i++) {
        if (!all[i].inode || lp_sockets_find(&fds->sockets, all[i].inode))
            continue;
        all[i].source = lp_socket_source(lp_program_path(path, fds->program, "fd/%d", all[i].fd));
        lp_sockets_read(&fds->sockets, all[i].source);
    }
}

int lp_fds_read(struct lp_fds *fds)
{
    *fds = (struct lp_fds){.program = lp_program_thread(),
                           .list = LP_ARRAY(struct lp_open_fd, LP_OWN_FDS),
                           .inodes = LP_ARRAY(uint32_t, LP_OWN_FDS)};
    int result = lp_each_fd(fds->program, add, fds);
    if (!result && (fds->list.failed || fds->inodes.failed))
        result = -ENOMEM;
    if (result)
        return result;
    if (fds->inodes.n)
        qsort(fds->inodes.at, fds->inodes.n, sizeof(uint32_t), by_number);
    find_sockets(fds);
    return 0;
}

void lp_fds_release(struct lp_fds *fds)
{
    lp_array_release(&fds->list);
    lp_array_release(&fds->inodes);
    lp_sockets_release(&fds->sockets);
}
