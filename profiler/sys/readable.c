/*
 * rt_sigprocmask() tests an address: the kernel copies the new signal mask before it looks at
 * `how`, which is none here. EFAULT means that it could not, and nothing is changed. (If there is
 * no address, it copies nothing.) Unlike process_vm_readv() and mincore(), this call passes every
 * common seccomp filter.
 *
 * valgrind prints a line about such a `how`, and errors about such an address. It prints nothing
 * about process_vm_readv().
 */
#include "sys/readable.h"

#include <stdint.h>
#include <sys/uio.h>

#include "sys/syscall.h"
#include "sys/valgrind.h"

static bool can_be_copied(const void *address)
{
    uint64_t word;
    struct iovec to = {&word, sizeof word}, from = {(void *)address, sizeof word};
    return lp_syscall(SYS_process_vm_readv, lp_syscall(SYS_getpid), &to, 1, &from, 1, 0) ==
           (long)sizeof word;
}

bool lp_sys_readable(const void *address)
{
    enum { NO_SUCH_HOW = -1 };
    if (!address)
        return false;
    if (__builtin_expect(lp_sys_valgrind(), 0))
        return can_be_copied(address);
    return lp_syscall(SYS_rt_sigprocmask, NO_SUCH_HOW, address, 0, LP_SIGSET_BYTES) != -EFAULT;
}
