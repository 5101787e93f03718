/*
 * A call's number is in RAX when the call begins. If the kernel has set the code back to restart
 * the call, it still is. Otherwise the call's result is there, and the number is found where libc
 * had it from:
 *
 *   mov $number,%eax; syscall          in most functions: in the instruction, which may
 *                                      have mov offset(%rsp),%edi behind it
 *   mov offset(%rsp),%rax; syscall     glibc 2.41, one thread: in the stack
 *   mov %r11,8(%rsp); syscall          glibc 2.41, threads: see below
 *
 * Since glibc 2.41, functions like poll(), at which a thread can be cancelled, push the number and
 * call __syscall_cancel() or __internal_syscall_cancel(). With threads, these call
 * __syscall_cancel_arch(), which is written in assembly language. malloc() and the loader cannot be
 * cancelled and do not use these functions.
 */
#include "hooks/in_wait.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "record/findobject.h"
#include "sys/readable.h"
#include "sys/syscall.h"

extern void __cxa_finalize(void *object); /* a reserved name, which only libc defines */

enum { NO_CALL = -1, SYSCALL_BYTES = 2, LOAD_BYTES = 5, EDI_BYTES = 4 };

/* Calls that wait, or let signals in, and that neither malloc() nor the loader makes. */
static bool waits(long call)
{
    static const short calls[] = {
        SYS_select,        SYS_pselect6,        SYS_poll,      SYS_ppoll,           SYS_epoll_wait,
        SYS_epoll_pwait,   LP_SYS_epoll_pwait2, SYS_accept,    SYS_accept4,         SYS_pause,
        SYS_rt_sigsuspend, SYS_rt_sigtimedwait, SYS_nanosleep, SYS_clock_nanosleep, SYS_wait4,
        SYS_waitid,        SYS_rt_sigprocmask};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (call == calls[i])
            return true;
    return false;
}

/* Does the code before this call push the number as a constant? The compiler may put instructions
 * in between. */
static bool pushes(const unsigned char *call, uintptr_t number)
{
    enum { PUSH_BYTE = 0x6a, PUSH_WORD = 0x68, BACK = 32 };
    int32_t constant;
    if (!lp_sys_readable(call - BACK))
        return false;
    for (const unsigned char *at = call - BACK; at < call - 1; at++) {
        if (at[0] == PUSH_BYTE && at[1] == number && number <= INT8_MAX)
            return true;
        if (at[0] != PUSH_WORD || call - at <= (ptrdiff_t)sizeof constant)
            continue;
        memcpy(&constant, at + 1, sizeof constant);
        if (constant == (int64_t)number)
            return true;
    }
    return false;
}

/* Does this word of the stack return from the function that contains `inside`? The instruction
 * before it is then a call of an address shortly before that one. */
static bool returns_from(uintptr_t word, const unsigned char *inside, const struct lp_found *libc)
{
    enum { CALL = 0xe8, CALL_BYTES = 5, FUNCTION_MAX = 256 };
    const unsigned char *call = (const unsigned char *)word - CALL_BYTES;
    int32_t distance;
    if (word < (uintptr_t)libc->start + CALL_BYTES || word >= (uintptr_t)libc->end ||
        !lp_sys_readable(call) || *call != CALL)
        return false;
    memcpy(&distance, call + 1, sizeof distance);
    uintptr_t called = word + (uintptr_t)(intptr_t)distance;
    return called <= (uintptr_t)inside && (uintptr_t)inside - called < FUNCTION_MAX;
}

/*
 * The number that poll() or its like pushed before it called the function that contains `inside`,
 * directly or through others. Each of these calls has the number as its last argument, right above
 * the return address. Words that an earlier call left between the frames can look like one more
 * frame, but then the number is another.
 */
__attribute__((no_sanitize("address"))) static long pushed_number(const uintptr_t *stack,
                                                                  const unsigned char *inside)
{
    enum { WORDS = 24, NUMBERS = 1024, CALL_BYTES = 5 };
    struct lp_found ours, libc;
    uintptr_t number = NUMBERS;
    if (!lp_find_object((void *)__cxa_finalize, &libc) || !lp_find_object(inside, &ours) ||
        ours.map != libc.map || !lp_sys_readable(stack) || !lp_sys_readable(stack + WORDS))
        return NO_CALL;
    for (int i = 0; i < WORDS; i++) {
        if (!returns_from(stack[i], inside, &libc) || (number < NUMBERS && stack[i + 1] != number))
            continue;
        inside = (const unsigned char *)stack[i];
        number = stack[i + 1];
        if (number < NUMBERS && pushes(inside - CALL_BYTES, number))
            return (long)number;
    }
    return NO_CALL;
}

/* The number of the call that ends before this code; NO_CALL: not known. */
__attribute__((no_sanitize("address"))) static long number_before(const unsigned char *code,
                                                                  const uintptr_t *stack)
{
    static const unsigned char mov_eax[] = {0xb8}, mov_stack_edi[] = {0x8b, 0x7c, 0x24},
                               mov_stack_rax[] = {0x48, 0x8b, 0x44, 0x24},
                               mov_r11_8_stack[] = {0x4c, 0x89, 0x5c, 0x24, 0x08};
    const unsigned char *load = code - SYSCALL_BYTES - LOAD_BYTES;
    int32_t number;
    if (memcmp(load, mov_r11_8_stack, sizeof mov_r11_8_stack) == 0)
        return pushed_number(stack, code);
    if (memcmp(load, mov_stack_rax, sizeof mov_stack_rax) == 0) {
        const char *at = (const char *)stack + (int8_t)load[sizeof mov_stack_rax];
        return lp_sys_readable(at) ? *(const long *)at : NO_CALL;
    }
    if (memcmp(load + LOAD_BYTES - EDI_BYTES, mov_stack_edi, sizeof mov_stack_edi) == 0)
        load -= EDI_BYTES;
    if (memcmp(load, mov_eax, sizeof mov_eax) != 0)
        return NO_CALL;
    memcpy(&number, load + 1, sizeof number);
    return number;
}

/* What looks like a frame may lie across other variables. */
__attribute__((no_sanitize("address"))) bool lp_in_wait(const ucontext_t *interrupted)
{
    static const unsigned char syscall[SYSCALL_BYTES] = {0x0f, 0x05};
    const greg_t *registers = interrupted->uc_mcontext.gregs;
    const unsigned char *next = (const unsigned char *)registers[REG_RIP];
    if (!lp_sys_readable(next - SYSCALL_BYTES - LOAD_BYTES - EDI_BYTES) || !lp_sys_readable(next))
        return false;
    if (memcmp(next, syscall, sizeof syscall) == 0)
        return waits((long)registers[REG_RAX]);
    return memcmp(next - SYSCALL_BYTES, syscall, sizeof syscall) == 0 &&
           waits(number_before(next, (const uintptr_t *)registers[REG_RSP]));
}
