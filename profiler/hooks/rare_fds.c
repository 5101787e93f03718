/* Rarer kinds of descriptors: terminals, message queues, processes, file systems. */
#include "hooks/fds.h"

#include <fcntl.h>
#include <mqueue.h>
#include <pty.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/fanotify.h>
#include <sys/mount.h>
#include <unistd.h>
#include <utmp.h>

#if __GLIBC_PREREQ(2, 36)
#include <sys/pidfd.h>
#endif

#undef mq_open

#if __GLIBC_PREREQ(2, 36)
OPENS(pidfd_open, (pid_t pid, unsigned int flags), (pid, flags))
OPENS(pidfd_getfd, (int pidfd, int fd, unsigned int flags), (pidfd, fd, flags))
OPENS(fsopen, (const char *name, unsigned int flags), (name, flags))
OPENS(fsmount, (int fd, unsigned int flags, unsigned int attributes), (fd, flags, attributes))
OPENS(fspick, (int dir, const char *path, unsigned int flags), (dir, path, flags))
OPENS(open_tree, (int dir, const char *path, unsigned int flags), (dir, path, flags))
#endif
OPENS(fanotify_init, (unsigned int flags, unsigned int event_flags), (flags, event_flags))
OPENS(open_by_handle_at, (int mount, struct file_handle *handle, int flags), (mount, handle, flags))

OPENS(posix_openpt, (int flags), (flags))
OPENS(getpt, (void), ())

LP_FIND(openpty)
LP_HOOK int openpty(int *master, int *slave, char *name, const struct termios *termios,
                    const struct winsize *size)
{
    int result = LP_REAL(openpty)(master, slave, name, termios, size);
    if (result == 0)
        lp_fds_opened((const int[]){*master, *slave}, 2, CALLER);
    return result;
}

/* In the child, the terminal becomes 0, 1 and 2, and the others are closed. */
LP_FIND(forkpty)
LP_HOOK int forkpty(int *master, char *name, const struct termios *termios,
                    const struct winsize *size)
{
    int pid = LP_REAL(forkpty)(master, name, termios, size);
    if (pid > 0) {
        opened_one(*master, CALLER);
        lp_hooks_forked(pid, CALLER);
    } else if (pid == 0) {
        lp_fds_opened((const int[]){STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}, 3, CALLER);
    }
    return pid;
}

LP_FIND(login_tty)
LP_HOOK int login_tty(int fd)
{
    if (fd > STDERR_FILENO)
        lp_fds_closing(fd);
    int result = LP_REAL(login_tty)(fd);
    if (result == 0)
        lp_fds_opened((const int[]){STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}, 3, CALLER);
    return result;
}

LP_FIND(mq_open)
LP_HOOK mqd_t mq_open(const char *name, int flags, ...)
{
    mode_t mode = 0;
    struct mq_attr *attributes = NULL;
    if (flags & O_CREAT) {
        va_list list;
        va_start(list, flags);
        mode = va_arg(list, mode_t);
        attributes = va_arg(list, struct mq_attr *);
        va_end(list);
    }
    return opened_one(LP_REAL(mq_open)(name, flags, mode, attributes), CALLER);
}

/* _FORTIFY_SOURCE replaces mq_open() without a mode by this. */
mqd_t __mq_open_2(const char *name, int flags);
OPENS(__mq_open_2, (const char *name, int flags), (name, flags))

LP_FIND(mq_close)
LP_HOOK int mq_close(mqd_t queue)
{
    lp_fds_closing(queue);
    return LP_REAL(mq_close)(queue);
}
