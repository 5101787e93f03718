/* Called when the process ends without its destructors (hooks/exit.c). */
#ifndef LP_HOOKS_EXIT_H
#define LP_HOOKS_EXIT_H

/* Registers a function to be called by _exit(), _Exit() and quick_exit(), in any context. */
void lp_hooks_at_exit(void (*function)(void));

#endif
