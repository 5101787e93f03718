/*
 * The real functions behind the hooks. Each is the next definition of the name after ours, in the
 * loader's search order. dlsym(RTLD_NEXT) finds the same, but it takes the loader's lock and
 * allocates.
 *
 * All are found when the first hook is called, which may be in a signal handler. Many short-lived
 * processes call none, and the search would take a good part of their time. A process that forks
 * has found them for its children. Only objects that are there at the start are searched. These are
 * never unloaded, so their part of the loader's list does not change, and is walked without a lock.
 */
#ifndef LP_HOOKS_REAL_H
#define LP_HOOKS_REAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* LP_FIND(name) stands before a hook. It makes an entry of two offsets, from each to the name and
 * to the place of the address: the loader has nothing to relocate at the start. LP_REAL(name) is
 * the real function. It is NULL if this libc has none, and then the hook is never called. */
struct lp_real {
    int32_t name, place;
};
#define LP_FIND(name)                                                                              \
    static __typeof__(&name) real_##name __attribute__((used));                                    \
    __asm__(".pushsection .rodata.lp_names, \"a\", @progbits\n"                                    \
            "77: .asciz \"" #name "\"\n"                                                           \
            ".popsection\n"                                                                        \
            ".pushsection lp_real, \"a\", @progbits\n"                                             \
            ".balign 4\n"                                                                          \
            ".long 77b - .\n"                                                                      \
            ".long real_" #name " - .\n"                                                           \
            ".popsection\n");
#define LP_REAL(name)                                                                              \
    ({                                                                                             \
        __typeof__(&name) real = __atomic_load_n(&real_##name, __ATOMIC_RELAXED);                  \
        if (__builtin_expect(!real, 0)) {                                                          \
            lp_real_find();                                                                        \
            real = __atomic_load_n(&real_##name, __ATOMIC_RELAXED);                                \
        }                                                                                          \
        real;                                                                                      \
    })

/* Finds all. Takes no lock, allocates nothing; any context. */
void lp_real_find(void);

/* Finds one of this name. NULL: there is none. */
void *lp_real_find_one(const char *name);

/* At the start, before there are threads, once: binds the preloaded library's own calls
 * (hooks/imports.h), and finds the allocator. A hook that is called even earlier does this. */
void lp_real_prepare(void);

/* Has that been done? */
extern _Atomic bool lp_real_ready __attribute__((visibility("hidden")));

#endif
