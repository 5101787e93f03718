/*
 * The functions that hooks stand in for: under each name, the next definition after ours in the
 * order in which the loader looks symbols up. That is what dlsym(RTLD_NEXT) finds, but dlsym()
 * takes the loader's lock, allocates, and for the hundred and more names costs a short-lived
 * process as much as its own start. All are found at once, before main, so that no hook has to look
 * when it is first called in a signal handler.
 */
#ifndef LP_HOOKS_REAL_H
#define LP_HOOKS_REAL_H

#include <stdatomic.h>
#include <stdbool.h>

struct lp_real {
    const char *name;
    void **place;
};

/* LP_FIND(name) stands before a hook, LP_REAL(name) is the function it stands in for. NULL if this
 * libc has none, and then nobody calls the hook. */
#define LP_FIND(name)                                                                              \
    static __typeof__(&name) real_##name;                                                          \
    static const struct lp_real find_##name                                                        \
        __attribute__((section("lp_real"), used)) = {#name, (void **)&real_##name};
#define LP_REAL(name)                                                                              \
    ({                                                                                             \
        __typeof__(&name) real = __atomic_load_n(&real_##name, __ATOMIC_RELAXED);                  \
        if (__builtin_expect(!real, 0)) { /* called before our constructors */                     \
            lp_real_find();                                                                        \
            real = __atomic_load_n(&real_##name, __ATOMIC_RELAXED);                                \
        }                                                                                          \
        real;                                                                                      \
    })

/* Finds all of them, and binds the preloaded library's own calls (hooks/imports.h). No lock, no
 * allocation; any context. */
void lp_real_find(void);

/* Has that been done? For hooks that find their real function in another way. */
extern _Atomic bool lp_real_found __attribute__((visibility("hidden")));

#endif
