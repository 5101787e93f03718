/*
 * libunwind without descriptors.
 *
 * Before it reads a word of a stack, libunwind asks the kernel whether the page is there: by
 * mincore(), and by writing a byte from it into a pipe of its own. That pipe would be two
 * descriptors among the program's. A program that closes descriptors it does not know, as daemons
 * do, would have libunwind read from and write to whatever gets their numbers next. So these calls,
 * when they come from libunwind, are answered here by one process_vm_readv(), and the pipe is never
 * opened (hooks/fds.c refuses it). Everybody else's calls pass.
 */
#include "hooks/fds.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "record/unwind.h"

/* syscall() without libc's: this file stands in for that one too. Result as the kernel's. */
static long raw(long number, long a, long b, long c, long d, long e, long f)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

/* -1 with errno, or the result. */
static long conclude(long result)
{
    if (result >= 0 || result < -4095)
        return result;
    errno = (int)-result;
    return -1;
}

static long can_read(const void *address)
{
    char byte;
    struct iovec local = {&byte, 1}, remote = {(void *)(uintptr_t)address, 1};
    return raw(SYS_process_vm_readv, raw(SYS_getpid, 0, 0, 0, 0, 0, 0), (long)&local, 1,
               (long)&remote, 1, 0);
}

LP_HOOK int mincore(void *address, size_t length, unsigned char *pages)
{
    if (lp_unwinder_calls(CALLER)) {
        long result = can_read(address);
        if (result == 1)
            return 0;
        if (result == -EFAULT)
            return (int)conclude(-ENOMEM);
        /* not allowed here (seccomp): then what mincore() itself says */
    }
    return (int)conclude(raw(SYS_mincore, (long)address, (long)length, (long)pages, 0, 0, 0));
}

LP_FIND(read)
/* "Is there anything left in the pipe?" No, and it is fine. */
LP_HOOK ssize_t read(int fd, void *buffer, size_t size)
{
    if (lp_unwinder_calls(CALLER)) {
        errno = EAGAIN;
        return -1;
    }
    return LP_REAL(read)(fd, buffer, size);
}

/* libunwind writes by syscall(). mincore() above has checked the page already. As in libc's own,
 * six arguments are passed on, of which the caller may have given fewer: the last one is read from
 * his stack then, whatever stands there. */
__attribute__((no_sanitize("address"))) LP_HOOK long syscall(long number, ...)
{
    long a[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(list, long);
    va_end(list);
    if (number == SYS_write && lp_unwinder_calls(CALLER))
        return 1;
    if (number == SYS_close) /* else what is opened there next would be taken for the same */
        lp_fds_closing((int)a[0]);
    return conclude(raw(number, a[0], a[1], a[2], a[3], a[4], a[5]));
}
