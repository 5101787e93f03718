/*
 * Calls of libunwind that are overridden:
 *
 * - dl_iterate_phdr() takes a lock of the loader's, and a thread inside the loader may wait for one
 * of libunwind's: a deadlock. Ours shows just the object that libunwind looks for (record/code.h),
 * without a lock, and so it is never out of date.
 * - Before libunwind reads a word of a stack, it asks by mincore() whether the page is there, and
 * tries to write a byte from it to a pipe of its own. The pipe would be two descriptors among the
 * program's, and a program that closes descriptors which it does not know would have libunwind
 * write into something else. There is no pipe; lp_sys_readable() is called instead. (Most words are
 * read by a function of record/unwind.c.)
 * - __tls_get_addr(): a library that is loaded late gets its thread-local variables by malloc(),
 * under a lock, when a thread first uses them. That may be in a signal handler. libunwind has 16
 * bytes of them; they lie in our own, which are there from the start.
 * - mmap() and munmap(): its memory is the profiler's.
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
#include "sys/syscall.h"

/* What libunwind called before. */
static int (*real_dl_iterate_phdr)(int (*)(struct dl_phdr_info *, size_t, void *), void *);
static int (*real_mincore)(void *, size_t, unsigned char *);
static ssize_t (*real_read)(int, void *, size_t);
static long (*real_syscall)(long, ...);
static int (*real_pipe2)(int[2], int);
static void *(*real_mmap)(void *, size_t, int, int, int, off_t);
static int (*real_munmap)(void *, size_t);

/* The program may use the same library: its calls are passed on. */
static bool ours(void)
{
    return lp_self.busy;
}

/* libunwind's callback looks at each object for the address that the first word of `data` is. That
 * is checked once, when it is loaded. */
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

/* Is anything left in the pipe? No, and it is in order. */
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

/* libunwind writes to its pipe by syscall(). As libc's own, this passes six arguments on, whatever
 * was given. */
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
    if (start < 0 && start > -LP_PAGE) {
        errno = (int)-start;
        return MAP_FAILED;
    }
    lp_own_claim((void *)start, bytes);
    return (void *)start;
}

/* Also at the end of a thread, for its trace cache. */
static int instead_of_munmap(void *start, size_t bytes)
{
    lp_own_disclaim(start);
    return real_munmap(start, bytes);
}

/* All zero in a new thread, as libunwind's are. */
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
