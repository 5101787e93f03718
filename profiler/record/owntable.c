#include "record/owntable.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "sys/file.h"
#include "sys/syscall.h"

enum {
    CLOSE_ALL_BUT_STANDARD = 1 << 1, /* CLOSE_RANGE_UNSHARE */
    READ_BYTES = 1024,
    ROUNDS = 1 << 16, /* at 30 or more descriptors per round, more than a table can have */
    BLIND_MAX = 1 << 16
};

struct entry { /* linux_dirent64 */
    uint64_t inode;
    int64_t next;
    unsigned short bytes;
    unsigned char type;
    char name[];
};

static int number(const char *name)
{
    int n = 0;
    if (*name < '0' || *name > '9')
        return -1;
    for (; *name >= '0' && *name <= '9'; name++)
        n = n * 10 + (*name - '0');
    return n;
}

/* Without /proc: by number. */
static void close_blindly(void)
{
    for (int fd = STDERR_FILENO + 1; fd < BLIND_MAX; fd++)
        lp_syscall(SYS_close, fd);
}

/* The kernel lists a directory of descriptors by number, so that closing what was listed skips
 * nothing. */
static void close_listed(void)
{
    char entries[READ_BYTES] __attribute__((aligned(8))) = {0};
    long dir = lp_syscall(SYS_openat, AT_FDCWD, LP_PROC_SELF "fd",
                          O_RDONLY | O_DIRECTORY | O_CLOEXEC),
         n = 0;
    if (dir < 0) {
        close_blindly();
        return;
    }
    for (int round = 0; round < ROUNDS; round++) {
        n = lp_syscall(SYS_getdents64, dir, entries, sizeof entries);
        if (n <= 0)
            break;
        for (long at = 0; at < n;) {
            const struct entry *entry = (const void *)(entries + at);
            int fd = number(entry->name);
            if (fd > STDERR_FILENO && fd != dir)
                lp_syscall(SYS_close, fd);
            at += entry->bytes;
        }
    }
    lp_syscall(SYS_close, dir);
}

static int by_copy(void)
{
    int error = (int)lp_syscall(SYS_unshare, CLONE_FILES);
    if (!error)
        close_listed();
    return error;
}

static int by_range(void)
{
    return (int)lp_syscall(LP_SYS_close_range, STDERR_FILENO + 1, ~0U, CLOSE_ALL_BUT_STANDARD);
}

static bool filtered(void)
{
    return lp_syscall(SYS_prctl, PR_GET_SECCOMP) == SECCOMP_MODE_FILTER;
}

/* Some filters end a process for a call that is newer than they are: systemd's before version 247.
 * So under a filter unshare() is tried first. Docker's default profile refuses that one. */
int lp_own_table_enter(void)
{
    bool copy_first = filtered();
    int error = copy_first ? by_copy() : by_range();
    if (error)
        error = copy_first ? by_range() : by_copy();
    return error ? -ENOSYS : 0;
}
