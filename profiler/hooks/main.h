/* Called before main (hooks/main.c). */
#ifndef LP_HOOKS_MAIN_H
#define LP_HOOKS_MAIN_H

/* Registers a function to be called just before main, with main's arguments and environment. */
void lp_hooks_at_main(void (*function)(int argc, char **argv, char **environment));

#endif
