/* Called before main (hooks/main.c). */
#ifndef LP_HOOKS_MAIN_H
#define LP_HOOKS_MAIN_H

/* Has the function called just before main, with its arguments and environment. */
void lp_hooks_at_main(void (*function)(int argc, char **argv, char **environment));

#endif
