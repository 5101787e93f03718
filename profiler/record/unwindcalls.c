/*
 * The functions that libunwind calls in place of libc's:
 *
 * - dl_iterate_phdr(): libc's takes a lock of the loader's. A thread inside the loader may wait for
 *   a lock of libunwind's, which is a deadlock. Ours visits only the object that libunwind looks
 *   for (record/code.h). It takes no lock, and its result is never out of date.
 * - mincore(), and write() to a pipe: libunwind calls them to check that a page can be read. The
 *   pipe would take two descriptors of the program. A program that closes descriptors it does not
 *   know could make libunwind write into another file. So there is no pipe, and lp_sys_readable()
 *   checks the page. Most words of a stack are read by access_mem() in record/unwind.c instead.
 * - __tls_get_addr(): libc allocates the thread-local variables of a library that was loaded late
 *   by malloc(), under a lock, when a thread first uses them. That may be in a signal handler.
 *   libunwind has 16 bytes of them. They are part of our own, which exist from the start.
 * - mmap() and munmap(): libunwind's memory counts as the profiler's.
 */
#include "record/unwindcalls.h"

#include <errno.h>
#include <link.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/types.h>

#include "record/code.h"
#include "record/self.h"
#include "sys/pages.h"
#include "sys/readable.h"
#include "sys/syscall.h"

/* The functions that libunwind called before. */
static int (*real_dl_iterate_phdr)(int (*)(struct dl_phdr_info *, size_t, void *), void *);
static int (*real_mincore)(void *, size_t, unsigned char *);
static ssize_t (*real_read)(int, void *, size_t);
static long (*real_syscall)(long, ...);
static int (*real_pipe2)(int[2], int);
static void *(*real_mmap)(void *, size_t, int, int, int, off_t);
static int (*real_munmap)(void *, size_t);

/* The program may use the same library. Its calls are passed on. */
static bool ours(void)
{
    return lp_self.busy;
}

/* libunwind's callback searches each object for the address in the first word of `data`.
 * record/unwind.c checks that once, when libunwind is loaded. */
static _Atomic uintptr_t first_wanted;

uintptr_t lp_unwind_calls_wanted(void)
{
    return atomic_load(&first_wanted);
}

static int instead_of_dl_iterate_phdr(int (*visit)(struct dl_phdr_info *, size_t, void *),
                                      void *data)
{
    struct dl_phdr_info info;
    if (!ours())
        return real_dl_iterate_phdr(visit, data);
    uintptr_t wanted = *(const uintptr_t *)data;
    if (atomic_load_explicit(&first_wanted, memory_order_relaxed) == 0)
        atomic_store_explicit(&first_wanted, wanted, memory_order_relaxed);
    return lp_code_object(wanted, &info) ? visit(&info, sizeof info, data) : 0;
}

static int instead_of_mincore(void *address, size_t length, unsigned char *pages)
{
    if (!ours())
        return real_mincore(address, length, pages);
    if (lp_sys_readable(address))
        return 0;
    errno = ENOMEM;
    return -1;
}

/* libunwind reads its pipe to see whether anything is left in it. Nothing is. */
static ssize_t instead_of_read(int fd, void *buffer, size_t size)
{
    if (!ours())
        return real_read(fd, buffer, size);
    errno = EAGAIN;
    return -1;
}

static ssize_t instead_of_write(int fd, const void *buffer, size_t size)
{
    (void)fd, (void)size;
    if (lp_sys_readable(buffer))
        return 1;
    errno = EFAULT;
    return -1;
}

/* libunwind writes to its pipe by syscall(). Like libc's function, this passes on six arguments,
 * whatever the caller gave. */
__attribute__((no_sanitize("address"))) static long instead_of_syscall(long number, ...)
{
    long a[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(list, long);
    va_end(list);
    if (ours() && number == SYS_write)
        return instead_of_write((int)a[0], (const void *)a[1], (size_t)a[2]);
    return real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static int instead_of_pipe2(int fds[2], int flags)
{
    if (!ours())
        return real_pipe2(fds, flags);
    errno = EMFILE;
    return -1;
}

static void *instead_of_mmap(void *where, size_t bytes, int protection, int flags, int fd,
                             off_t offset)
{
    if (!ours())
        return real_mmap(where, bytes, protection, flags, fd, offset);
    long start = lp_syscall(SYS_mmap, where, bytes, protection, flags, fd, offset);
    if (start < 0 && start >= -LP_ERRNO_MAX) {
        errno = (int)-start;
        return MAP_FAILED;
    }
    lp_own_claim((void *)start, bytes);
    return (void *)start;
}

/* Called at the end of a thread too, for its trace cache. */
static int instead_of_munmap(void *start, size_t bytes)
{
    lp_own_disclaim(start);
    return real_munmap(start, bytes);
}

/* In a new thread it is all zero, like libunwind's own. */
static __thread char unwinder_tls[LP_UNWIND_TLS_BYTES] __attribute__((aligned(16)));

static void *instead_of_tls_get_addr(const unsigned long index[2]) /* module, offset */
{
    return unwinder_tls + index[1];
}

const struct lp_override lp_unwind_calls[] = {
    {"dl_iterate_phdr", instead_of_dl_iterate_phdr, (void **)&real_dl_iterate_phdr},
    {"mincore", instead_of_mincore, (void **)&real_mincore},
    {"read", instead_of_read, (void **)&real_read},
    {"write", instead_of_write, NULL},
    {"syscall", instead_of_syscall, (void **)&real_syscall},
    {"pipe2", instead_of_pipe2, (void **)&real_pipe2},
    {"mmap", instead_of_mmap, (void **)&real_mmap},
    {"munmap", instead_of_munmap, (void **)&real_munmap},
    {"__tls_get_addr", instead_of_tls_get_addr, NULL},
    {NULL, NULL, NULL},
};
