/*
 * A filter is a program for a small machine: one accumulator, one index register, 16 words of
 * memory, and jumps that only go forward. It is run here for each call that the profiler makes,
 * with the arguments that filters look at. What is not a valid filter spares nothing: the kernel
 * will refuse it.
 */
#include "hooks/filter.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "sys/syscall.h"

struct machine {
    uint32_t a, x, memory[BPF_MEMWORDS];
};

static bool compute(struct machine *m, const struct sock_filter *step)
{
    uint32_t value = BPF_SRC(step->code) == BPF_X ? m->x : step->k;
    switch (BPF_OP(step->code)) {
    case BPF_ADD:
        m->a += value;
        return true;
    case BPF_SUB:
        m->a -= value;
        return true;
    case BPF_MUL:
        m->a *= value;
        return true;
    case BPF_DIV:
        m->a = value ? m->a / value : 0;
        return value != 0;
    case BPF_OR:
        m->a |= value;
        return true;
    case BPF_AND:
        m->a &= value;
        return true;
    case BPF_XOR:
        m->a ^= value;
        return true;
    case BPF_LSH:
        m->a <<= value & 31; /* as the processor does */
        return true;
    case BPF_RSH:
        m->a >>= value & 31;
        return true;
    case BPF_NEG:
        m->a = -m->a;
        return true;
    default:
        return false;
    }
}

static uint32_t skipped(const struct machine *m, const struct sock_filter *step)
{
    uint32_t value = BPF_SRC(step->code) == BPF_X ? m->x : step->k;
    switch (BPF_OP(step->code)) {
    case BPF_JA:
        return step->k;
    case BPF_JEQ:
        return m->a == value ? step->jt : step->jf;
    case BPF_JGT:
        return m->a > value ? step->jt : step->jf;
    case BPF_JGE:
        return m->a >= value ? step->jt : step->jf;
    default: /* BPF_JSET */
        return m->a & value ? step->jt : step->jf;
    }
}

/* Sets the accumulator or, for BPF_LDX, the index register. */
static bool load(struct machine *m, const struct sock_filter *step, const struct seccomp_data *data)
{
    uint32_t value;
    switch (BPF_MODE(step->code)) {
    case BPF_ABS:
        if (step->k > sizeof *data - sizeof value)
            return false;
        memcpy(&value, (const char *)data + step->k, sizeof value);
        break;
    case BPF_IMM:
        value = step->k;
        break;
    case BPF_LEN:
        value = sizeof *data;
        break;
    case BPF_MEM:
        if (step->k >= BPF_MEMWORDS)
            return false;
        value = m->memory[step->k];
        break;
    default:
        return false;
    }
    *(BPF_CLASS(step->code) == BPF_LDX ? &m->x : &m->a) = value;
    return true;
}

/* The filter's result for this call. */
static uint32_t result_of(const struct sock_fprog *filter, const struct seccomp_data *data)
{
    struct machine m = {0};
    for (uint64_t i = 0; i < filter->len; i++) { /* never wraps: a jump is 32 bits */
        const struct sock_filter *step = &filter->filter[i];
        bool good = true;
        switch (BPF_CLASS(step->code)) {
        case BPF_LD:
        case BPF_LDX:
            good = load(&m, step, data);
            break;
        case BPF_ST:
        case BPF_STX:
            good = step->k < BPF_MEMWORDS;
            if (good)
                m.memory[step->k] = BPF_CLASS(step->code) == BPF_ST ? m.a : m.x;
            break;
        case BPF_ALU:
            good = compute(&m, step);
            break;
        case BPF_JMP:
            i += skipped(&m, step);
            break;
        case BPF_RET:
            return BPF_RVAL(step->code) == BPF_A ? m.a : step->k;
        default: /* BPF_MISC */
            if (BPF_MISCOP(step->code) == BPF_TAX)
                m.x = m.a;
            else
                m.a = m.x;
        }
        if (!good)
            break;
    }
    return SECCOMP_RET_KILL_PROCESS;
}

struct call {
    int number;
    uint64_t arguments[6];
};

static uint32_t action_of(const struct sock_fprog *filter, const struct call *call)
{
    struct seccomp_data data = {.nr = call->number, .arch = AUDIT_ARCH_X86_64};
    memcpy(data.args, call->arguments, sizeof data.args);
    return result_of(filter, &data) & SECCOMP_RET_ACTION_FULL;
}

static bool spares(const struct sock_fprog *filter, const struct call *calls, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t action = action_of(filter, &calls[i]);
        if (action != SECCOMP_RET_ALLOW && action != SECCOMP_RET_LOG &&
            action != SECCOMP_RET_ERRNO && action != SECCOMP_RET_TRACE)
            return false;
    }
    return true;
}

#define MEMORY 0, 4096, PROT_READ | PROT_WRITE

static const struct call hooks[] = {
    {SYS_mmap, {MEMORY, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0}},
    {SYS_munmap, {0, 4096}},
    {SYS_mprotect, {MEMORY}},
    {SYS_openat, {0, 0, O_RDONLY | O_CLOEXEC}},
    {SYS_pipe2, {0}},
    {SYS_read, {0}},
    {SYS_write, {0}},
    {SYS_close, {0}},
    {SYS_madvise, {0, 4096, MADV_DONTNEED}},
    {SYS_futex, {0}},
    {SYS_gettid, {0}},
    {SYS_getpid, {0}},
    {SYS_rt_sigprocmask, {0}},
    {SYS_clock_gettime, {0}},
    {SYS_sched_yield, {0}},
};

static const struct call thread[] = {
    {SYS_accept4, {0}},
    {SYS_bind, {0}},
    {SYS_clock_nanosleep, {0}},
    {LP_SYS_clone3, {0}},
    {SYS_epoll_create1, {0}},
    {SYS_epoll_ctl, {0}},
    {SYS_epoll_wait, {0}},
    {SYS_exit, {0}},
    {SYS_fcntl, {0, F_DUPFD_CLOEXEC}},
    {SYS_getdents64, {0}},
    {SYS_getrusage, {0}},
    {SYS_getsockname, {0}},
    {SYS_getuid, {0}},
    {SYS_ioctl, {0}},
    {SYS_listen, {0}},
    {SYS_lseek, {0}},
    {SYS_mmap, {0, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0}},
    {SYS_nanosleep, {0}},
    {SYS_newfstatat, {0}},
    {SYS_poll, {0}},
    {SYS_pread64, {0}},
    {SYS_prctl, {PR_SET_NAME}},
    {SYS_prlimit64, {0}},
    {SYS_readlink, {0}},
    {SYS_readv, {0}},
    {SYS_recvmsg, {0}},
    {LP_SYS_rseq, {0}},
    {SYS_rt_sigaction, {0}},
    {SYS_rt_sigreturn, {0}},
    {SYS_rt_tgsigqueueinfo, {0}},
    {SYS_sched_getaffinity, {0}},
    {SYS_sched_setaffinity, {0}},
    {SYS_sendto, {0}},
    {SYS_set_robust_list, {0}},
    {SYS_setsockopt, {0}},
    {SYS_shutdown, {0}},
    {SYS_signalfd4, {0}},
    {SYS_socket, {AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC}},
    {SYS_statx, {0}},
    {SYS_sysinfo, {0}},
    {SYS_tgkill, {0}},
    {SYS_timer_create, {0}},
    {SYS_timer_delete, {0}},
    {SYS_timer_settime, {0}},
    {SYS_unlink, {0}},
    {SYS_unshare, {0}},
    {SYS_writev, {0}},
};

bool lp_filter_spares_hooks(const struct sock_fprog *filter)
{
    return spares(filter, hooks, sizeof hooks / sizeof *hooks);
}

/* As record/owntable.c does it under a filter. */
static bool spares_table(const struct sock_fprog *filter)
{
    static const struct call copy = {SYS_unshare, {CLONE_FILES}}, range = {LP_SYS_close_range, {0}};
    return action_of(filter, &copy) == SECCOMP_RET_ALLOW || spares(filter, &range, 1);
}

bool lp_filter_spares_thread(const struct sock_fprog *filter)
{
    return lp_filter_spares_hooks(filter) && spares_table(filter) &&
           spares(filter, thread, sizeof thread / sizeof *thread);
}
