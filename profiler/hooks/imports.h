/*
 * The preloaded library's calls of libc. The loader binds them to the first definition in the
 * process, which is the program's, or one of its libraries', if it defines a function of that name:
 * getpid(), write(), strlen(). Such a function is written for the program, may rely on what main
 * has set up, and may do something else. So the library binds its calls again, to libc's own
 * functions.
 *
 * For the preloaded library only; NULL in a linked program, whose calls are its own business.
 */
#ifndef LP_HOOKS_IMPORTS_H
#define LP_HOOKS_IMPORTS_H

struct link_map;

/* `ours` is the preloaded library. Before it first calls a function of libc. No lock, no
 * allocation; any context. */
void lp_imports_bind(const struct link_map *ours) __attribute__((weak, visibility("hidden")));

#endif
