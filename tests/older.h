/* For the tests: what an older glibc lacks. */
#ifndef TESTS_OLDER_H
#define TESTS_OLDER_H

#include <features.h>
#include <sys/syscall.h>

#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

#if !__GLIBC_PREREQ(2, 36)
#define pidfd_open(pid, flags) (int)syscall(434, pid, flags)
#endif

#if !__GLIBC_PREREQ(2, 34)
#define closefrom(first) syscall(436, first, ~0U, 0)
#define _Fork fork
#define close_range(first, last, flags) (int)syscall(436, first, last, flags)
#include <sys/auxv.h>
#include <unistd.h>

enum { OLDER_AT_MINSIGSTKSZ = 51, _SC_MINSIGSTKSZ = 249 };
static inline long older_sysconf(int name)
{
    long bytes = name == _SC_MINSIGSTKSZ ? (long)getauxval(OLDER_AT_MINSIGSTKSZ) : sysconf(name);
    return bytes ? bytes : 4096;
}
#define sysconf(name) older_sysconf(name)
#endif

#if !__GLIBC_PREREQ(2, 33)
#define mallinfo2 mallinfo
#endif

#if !__GLIBC_PREREQ(2, 32)
#include <string.h>
#define strerrorname_np(error) strerror(error)
#endif

#endif
