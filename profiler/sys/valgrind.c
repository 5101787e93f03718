/*
 * A request to valgrind is a sequence of instructions that changes nothing elsewhere: four
 * rotations of a register by 128 bits together, and an exchange of a register with itself. rax has
 * the address of the request and its arguments. rdx has the result. It stays as it is without
 * valgrind.
 */
#include "sys/valgrind.h"

#include <stdatomic.h>
#include <stdint.h>

enum { RUNNING_ON_VALGRIND = 0x1001, CHANGE_ERR_DISABLEMENT = 0x1801 };

static uint64_t ask(uint64_t number, uint64_t argument)
{
    const uint64_t request[6] = {number, argument};
    uint64_t result = 0;
    __asm__ volatile("rolq $3, %%rdi\n\t"
                     "rolq $13, %%rdi\n\t"
                     "rolq $61, %%rdi\n\t"
                     "rolq $51, %%rdi\n\t"
                     "xchgq %%rbx, %%rbx"
                     : "+d"(result)
                     : "a"(request)
                     : "cc", "memory");
    return result;
}

bool lp_sys_valgrind(void)
{
    enum { UNKNOWN, ABSENT, PRESENT };
    static _Atomic int state;
    int known = atomic_load_explicit(&state, memory_order_relaxed);
    if (known == UNKNOWN) {
        known = ask(RUNNING_ON_VALGRIND, 0) ? PRESENT : ABSENT;
        atomic_store_explicit(&state, known, memory_order_relaxed);
    }
    return known == PRESENT;
}

void lp_sys_valgrind_silence(void)
{
    if (lp_sys_valgrind())
        ask(CHANGE_ERR_DISABLEMENT, 1);
}

void lp_sys_valgrind_report(void)
{
    if (lp_sys_valgrind())
        ask(CHANGE_ERR_DISABLEMENT, (uint64_t)-1);
}
