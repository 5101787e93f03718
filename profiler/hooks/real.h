/*
 * The real functions behind the hooks. Each is the next definition of the name after ours, in the
 * loader's search order. dlsym(RTLD_NEXT) finds the same, but it takes the loader's lock and
 * allocates. For more than a hundred names it would also double the start-up time of a short-lived
 * process. All are found at once, before main, so that no hook needs a look-up when it is first
 * called in a signal handler.
 */
#ifndef LP_HOOKS_REAL_H
#define LP_HOOKS_REAL_H

#include <stdatomic.h>
#include <stdbool.h>

struct lp_real {
    const char *name;
    void **place;
};

/* LP_FIND(name) stands before a hook. LP_REAL(name) is the real function. It is NULL if this libc
 * has none, and then the hook is never called. */
#define LP_FIND(name)                                                                              \
    static __typeof__(&name) real_##name;                                                          \
    static const struct lp_real find_##name                                                        \
        __attribute__((section("lp_real"), used)) = {#name, (void **)&real_##name};
#define LP_REAL(name)                                                                              \
    ({                                                                                             \
        __typeof__(&name) real = __atomic_load_n(&real_##name, __ATOMIC_RELAXED);                  \
        if (__builtin_expect(!real, 0)) { /* before our constructors have run */                   \
            lp_real_find();                                                                        \
            real = __atomic_load_n(&real_##name, __ATOMIC_RELAXED);                                \
        }                                                                                          \
        real;                                                                                      \
    })

/* Finds all of them, and binds the preloaded library's own calls (hooks/imports.h). Takes no lock,
 * allocates nothing; any context. */
void lp_real_find(void);

/* Has that been done? For hooks that find their real function in another way. */
extern _Atomic bool lp_real_found __attribute__((visibility("hidden")));

#endif
