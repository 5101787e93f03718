/*
 * The calls of libc in the preloaded library. The loader binds each to the first definition in the
 * process. If the program or one of its libraries defines a function of that name (getpid(),
 * write(), strlen()), that is not libc's. Such a function may rely on what main has set up, and may
 * do something else. So the library binds its calls again, to libc's functions.
 *
 * For the preloaded library only. NULL in a linked program.
 */
#ifndef LP_HOOKS_IMPORTS_H
#define LP_HOOKS_IMPORTS_H

struct link_map;

/* `ours` is the preloaded library. Call it before any function of libc. Takes no lock, allocates
 * nothing; any context. */
void lp_imports_bind(const struct link_map *ours) __attribute__((weak, visibility("hidden")));

#endif
