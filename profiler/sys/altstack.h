/*
 * Calls a function on a stack of our own. A signal handler may run on a signal stack of 2 KiB, or
 * on a coroutine's stack. With this, it uses hardly more of that than the kernel's signal frame.
 */
#ifndef LP_SYS_ALTSTACK_H
#define LP_SYS_ALTSTACK_H

enum { LP_ALTSTACK_BYTES = 64 << 10 }; /* enough to take a stack */

/* `top` is the stack's upper end, 16 bytes aligned. The stack grows down from there. */
static inline void lp_call_on_stack(void *top, void (*function)(void *, void *), void *a, void *b)
{
    __asm__ volatile("mov %%rsp, %%rbx\n\t"
                     "mov %[top], %%rsp\n\t"
                     "call *%[function]\n\t"
                     "mov %%rbx, %%rsp"
                     : [top] "+r"(top), "+D"(a), "+S"(b)
                     : [function] "r"(function)
                     : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "xmm0", "xmm1", "xmm2",
                       "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",
                       "xmm12", "xmm13", "xmm14", "xmm15", "memory", "cc");
}

#endif
