/*
 * Descriptors, by the calls that make and close them (see hooks/fds.h). The common calls are here.
 * messages.c has descriptors that arrive in messages, rare_fds.c the rarer kinds.
 *
 * Calls inside libc do not reach these hooks, so fopen() and similar functions have hooks of their
 * own. Descriptors that libc opens for itself, or that are opened by a bare system call, are found
 * in /proc/self/fd and marked.
 */
#include "hooks/fds.h"
#include "hooks/credentials.h"
#include "hooks/lives.h"
#include "hooks/signals.h"
#include "hooks/sockets.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "record/self.h"
#include "record/unwind.h"
#include "record/fds.h"
#include "sys/keep_errno.h"
#include "sys/losses.h"
#include "sys/syscall.h"
#include "record/stacks.h"

#undef open
#undef openat
#undef creat
#undef fopen
#undef freopen
#undef freopen64
#undef fopen64
#undef tmpfile64
#undef fcntl

static uint32_t stack_here(void *caller)
{
    lp_self.busy = true;
    uint32_t stack = lp_stack_of_call(caller);
    lp_self.busy = false;
    return stack;
}

/* Are this caller's descriptors the program's? */
static inline bool watched(void)
{
    return !lp_self.apart && lp_hooks_process();
}

__attribute__((noinline)) void lp_fds_opened(const int *fds, int n, void *caller)
{
    LP_KEEP_ERRNO;
    bool own = lp_self.own, blind = own || lp_self.busy; /* busy: in a signal handler above us */
    if (!watched())
        return;
    lp_hooks_lives(false);
    if (blind && !own)
        lp_loss(LP_LOSS_REENTERED);
    uint32_t stack = blind ? LP_STACK_NONE : stack_here(caller);
    for (int i = 0; i < n; i++)
        lp_fd_opened(fds[i], stack, own);
}

void lp_fds_closing(int fd)
{
    if (watched())
        lp_fd_closed(fd);
}

void lp_fds_closing_range(unsigned first, unsigned last)
{
    if (watched())
        lp_fd_closed_range(first, last);
}

/* Returns -1 and keeps errno for streams without a descriptor. */
static int number_of(FILE *file)
{
    LP_KEEP_ERRNO;
    return fileno(file);
}

static inline FILE *opened_file(FILE *file, void *caller)
{
    if (file)
        opened_one(number_of(file), caller);
    return file;
}

/* The same, for calls that a process makes only if it lives on (hooks/lives.h). */
#define OPENS_LIVING(name, params, args)                                                           \
    LP_FIND(name)                                                                                  \
    LP_HOOK int name params                                                                        \
    {                                                                                              \
        lp_hooks_lives(true);                                                                      \
        return opened_one(LP_REAL(name) args, CALLER);                                             \
    }

OPENS(socket, (int domain, int type, int protocol), (domain, type, protocol))
OPENS(creat, (const char *path, mode_t mode), (path, mode))
OPENS(creat64, (const char *path, mode_t mode), (path, mode))
OPENS(dup, (int fd), (fd))
OPENS_LIVING(epoll_create, (int size), (size))
OPENS_LIVING(epoll_create1, (int flags), (flags))
OPENS(eventfd, (unsigned int count, int flags), (count, flags))
OPENS(timerfd_create, (clockid_t clock, int flags), (clock, flags))
OPENS(inotify_init, (void), ())
OPENS(inotify_init1, (int flags), (flags))
OPENS(memfd_create, (const char *name, unsigned int flags), (name, flags))
OPENS(shm_open, (const char *name, int flags, mode_t mode), (name, flags, mode))
OPENS(mkstemp, (char *pattern), (pattern))
OPENS(mkstemp64, (char *pattern), (pattern))
OPENS(mkostemp, (char *pattern, int flags), (pattern, flags))
OPENS(mkostemp64, (char *pattern, int flags), (pattern, flags))
OPENS(mkstemps, (char *pattern, int tail), (pattern, tail))
OPENS(mkstemps64, (char *pattern, int tail), (pattern, tail))
OPENS(mkostemps, (char *pattern, int tail, int flags), (pattern, tail, flags))
OPENS(mkostemps64, (char *pattern, int tail, int flags), (pattern, tail, flags))

LP_FIND(signalfd)
LP_HOOK int signalfd(int fd, const sigset_t *mask, int flags)
{
    sigset_t copy;
    int result = LP_REAL(signalfd)(fd, lp_without_ours(mask, &copy), flags);
    return fd == -1 ? opened_one(result, CALLER) : result; /* else it changes an open descriptor */
}

#define ACCEPTS(name, params, args)                                                                \
    LP_FIND(name)                                                                                  \
    LP_HOOK int name params                                                                        \
    {                                                                                              \
        lp_hooks_lives(true);                                                                      \
        return opened_one(LP_AGAIN_SOCKET(LP_REAL(name) args, fd, SO_RCVTIMEO), CALLER);           \
    }
ACCEPTS(accept, (int fd, __SOCKADDR_ARG address, socklen_t *restrict length), (fd, address, length))
ACCEPTS(accept4, (int fd, __SOCKADDR_ARG address, socklen_t *restrict length, int flags),
        (fd, address, length, flags))

LP_FIND(socketpair)
LP_HOOK int socketpair(int domain, int type, int protocol, int fds[2])
{
    return opened_pair(LP_REAL(socketpair)(domain, type, protocol, fds), fds, CALLER);
}

LP_FIND(pipe)
LP_HOOK int pipe(int fds[2])
{
    return opened_pair(LP_REAL(pipe)(fds), fds, CALLER);
}

LP_FIND(pipe2)
LP_HOOK int pipe2(int fds[2], int flags)
{
    return opened_pair(LP_REAL(pipe2)(fds, flags), fds, CALLER);
}

/* The same call closes what the new number meant before. */
LP_FIND(dup2)
LP_HOOK int dup2(int from, int to)
{
    int fd = LP_REAL(dup2)(from, to);
    return from == to ? fd : opened_one(fd, CALLER);
}

LP_FIND(dup3)
LP_HOOK int dup3(int from, int to, int flags)
{
    return opened_one(LP_REAL(dup3)(from, to, flags), CALLER);
}

/* The mode follows the flags only if the call may create a file. */
#define OPEN_MODE(flags)                                                                           \
    ({                                                                                             \
        mode_t mode_ = 0;                                                                          \
        if ((flags) & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))) {                                    \
            va_list list;                                                                          \
            va_start(list, flags);                                                                 \
            mode_ = va_arg(list, mode_t);                                                          \
            va_end(list);                                                                          \
        }                                                                                          \
        mode_;                                                                                     \
    })

LP_FIND(open)
LP_HOOK int open(const char *path, int flags, ...)
{
    return opened_one(LP_REAL(open)(path, flags, OPEN_MODE(flags)), CALLER);
}

LP_FIND(open64)
LP_HOOK int open64(const char *path, int flags, ...)
{
    return opened_one(LP_REAL(open64)(path, flags, OPEN_MODE(flags)), CALLER);
}

LP_FIND(openat)
LP_HOOK int openat(int dir, const char *path, int flags, ...)
{
    return opened_one(LP_REAL(openat)(dir, path, flags, OPEN_MODE(flags)), CALLER);
}

LP_FIND(openat64)
LP_HOOK int openat64(int dir, const char *path, int flags, ...)
{
    return opened_one(LP_REAL(openat64)(dir, path, flags, OPEN_MODE(flags)), CALLER);
}

/* _FORTIFY_SOURCE replaces open() without a mode by this. */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int dir, const char *path, int flags);
int __openat64_2(int dir, const char *path, int flags);
OPENS(__open_2, (const char *path, int flags), (path, flags))
OPENS(__open64_2, (const char *path, int flags), (path, flags))
OPENS(__openat_2, (int dir, const char *path, int flags), (dir, path, flags))
OPENS(__openat64_2, (int dir, const char *path, int flags), (dir, path, flags))

/* Every command's argument fits a pointer, and the real function reads what it needs. */
#define FCNTL(name)                                                                                \
    LP_FIND(name)                                                                                  \
    LP_HOOK int name(int fd, int command, ...)                                                     \
    {                                                                                              \
        va_list list;                                                                              \
        va_start(list, command);                                                                   \
        void *argument = va_arg(list, void *);                                                     \
        va_end(list);                                                                              \
        int result = LP_REAL(name)(fd, command, argument);                                         \
        if (command == F_DUPFD || command == F_DUPFD_CLOEXEC)                                      \
            opened_one(result, CALLER);                                                            \
        return result;                                                                             \
    }
FCNTL(fcntl)
FCNTL(fcntl64)

/* One line for each call that returns a stream. */
#define OPENS_FILE(name, params, args)                                                             \
    LP_FIND(name)                                                                                  \
    LP_HOOK FILE *name params                                                                      \
    {                                                                                              \
        return opened_file(LP_REAL(name) args, CALLER);                                            \
    }

OPENS_FILE(fopen, (const char *restrict path, const char *restrict mode), (path, mode))
OPENS_FILE(fopen64, (const char *restrict path, const char *restrict mode), (path, mode))
OPENS_FILE(tmpfile, (void), ())
OPENS_FILE(tmpfile64, (void), ())

LP_FIND(popen)
LP_HOOK FILE *popen(const char *command, const char *mode)
{
    FILE *file = opened_file(LP_REAL(popen)(command, mode), CALLER);
    if (file)
        lp_hooks_popened(file, CALLER);
    return file;
}

/* The same call closes the stream's old descriptor. */
#define REOPENS(name)                                                                              \
    LP_FIND(name)                                                                                  \
    LP_HOOK FILE *name(const char *restrict path, const char *restrict mode, FILE *restrict file)  \
    {                                                                                              \
        lp_fds_closing(number_of(file));                                                           \
        return opened_file(LP_REAL(name)(path, mode, file), CALLER);                               \
    }
REOPENS(freopen)
REOPENS(freopen64)

LP_FIND(opendir)
LP_HOOK DIR *opendir(const char *path)
{
    DIR *dir = LP_REAL(opendir)(path);
    if (dir)
        opened_one(dirfd(dir), CALLER);
    return dir;
}

LP_FIND(close)
LP_HOOK int close(int fd)
{
    lp_fds_closing(fd);
    return LP_REAL(close)(fd);
}

/* Closes by number are recorded. Like libc's function, this passes on six arguments. The caller may
 * have given fewer, and then the others are undefined. */
__attribute__((no_sanitize("address"))) LP_HOOK long syscall(long number, ...)
{
    long a[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(list, long);
    va_end(list);
    if (number == SYS_close)
        lp_fds_closing((int)a[0]);
    long result = lp_hooks_raw_call(number, a);
    if (result < 0 && result >= -LP_ERRNO_MAX) {
        errno = (int)-result;
        return -1;
    }
    return result;
}

#if __GLIBC_PREREQ(2, 34)
LP_FIND(close_range)
LP_HOOK int close_range(unsigned int first, unsigned int last, int flags)
{
    /* CLOSE_RANGE_UNSHARE closes them in a new table of this thread. */
    if (!(flags & (CLOSE_RANGE_CLOEXEC | CLOSE_RANGE_UNSHARE)))
        lp_fds_closing_range(first, last);
    return LP_REAL(close_range)(first, last, flags);
}

LP_FIND(closefrom)
LP_HOOK void closefrom(int first)
{
    lp_fds_closing_range(first < 0 ? 0 : (unsigned)first, UINT_MAX);
    LP_REAL(closefrom)(first);
}
#endif

LP_FIND(fclose)
LP_HOOK int fclose(FILE *file)
{
    lp_fds_closing(number_of(file));
    return LP_REAL(fclose)(file);
}

LP_FIND(pclose)
LP_HOOK int pclose(FILE *file)
{
    pid_t child = lp_hooks_pclosing(file);
    lp_fds_closing(number_of(file));
    int result = LP_REAL(pclose)(file);
    lp_hooks_pclosed(child);
    return result;
}

LP_FIND(closedir)
LP_HOOK int closedir(DIR *dir)
{
    lp_fds_closing(dirfd(dir));
    return LP_REAL(closedir)(dir);
}

ALSO(open, __open)
ALSO(open64, __open64)
ALSO(fcntl, __fcntl)
ALSO(pipe, __pipe)
ALSO(dup2, __dup2)
ALSO(close, __close)
