/*
 * The moment before main: all libraries have been initialized, the program's own code has not
 * begun, and there is one thread. For the preloaded library only.
 */
#include "hooks/main.h"

#include "hooks/hook.h"

static void (*at_main)(int argc, char **argv, char **environment);

void lp_hooks_at_main(void (*function)(int argc, char **argv, char **environment))
{
    at_main = function;
}

typedef int main_function(int argc, char **argv, char **environment);

LP_HOOK int __libc_start_main(main_function *main, int argc, char **argv, void (*init)(void),
                              void (*fini)(void), void (*loader_fini)(void), void *stack_end);

/* Every process comes here, and most need no other real function yet. */
LP_HOOK int __libc_start_main(main_function *main, int argc, char **argv, void (*init)(void),
                              void (*fini)(void), void (*loader_fini)(void), void *stack_end)
{
    __typeof__(&__libc_start_main) real =
        (__typeof__(&__libc_start_main))lp_real_find_one("__libc_start_main");
    if (at_main)
        at_main(argc, argv, argv + argc + 1);
    return real(main, argc, argv, init, fini, loader_fini, stack_end);
}
