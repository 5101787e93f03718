/*
 * System calls without libc. Wrappers like close() and syscall() are among the functions that
 * hooks/ interposes, and the program may define some of its own, so the recorder's own calls go
 * straight to the kernel. Results are the kernel's: 0 or more, or a negative errno. errno is not
 * touched. Any thread, any context. x86-64.
 */
#ifndef LP_SYS_SYSCALL_H
#define LP_SYS_SYSCALL_H

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "sys/platform.h"

/* Calls that the headers of older kernels lack. */
enum {
    LP_SYS_close_range = 436,
    LP_SYS_clone3 = 435,
    LP_SYS_epoll_pwait2 = 441,
    LP_SYS_rseq = 334
};

static inline long lp_syscall6(long number, long a, long b, long c, long d, long e, long f)
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

enum { LP_ERRNO_MAX = 4095 }; /* results from -LP_ERRNO_MAX to -1 are errors */

/* lp_syscall(SYS_name, up to six arguments). */
#define lp_syscall(...) LP_SYSCALL(__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define LP_SYSCALL(number, a, b, c, d, e, f, ...)                                                  \
    lp_syscall6((long)(number), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

static inline int lp_gettid(void)
{
    return (int)lp_syscall(SYS_gettid);
}

enum { LP_SIGSET_BYTES = 8 }; /* of the kernel's signal sets */

/* Blocks all signals of the calling thread; returns the mask that lp_sys_set_signals() restores. */
static inline uint64_t lp_sys_block_signals(void)
{
    const uint64_t all = UINT64_MAX;
    uint64_t mask = 0;
    lp_syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &mask, LP_SIGSET_BYTES);
    return mask;
}

static inline void lp_sys_set_signals(uint64_t mask)
{
    lp_syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, 0, LP_SIGSET_BYTES);
}

#endif
