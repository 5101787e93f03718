/*
 * Sends the calls of all loaded objects to a hook although lookup order would bind them to another
 * definition. Needed if an allocator is preloaded before the profiler, and for C++'s operators new
 * and delete of an allocator. These are not exported: in a process whose allocator has none they
 * would stand before those of the program's plugins.
 *
 * Each object has slots for what it calls, in its global offset table and in initialized data. The
 * slots that lead to the other definition are made to point at the hook. What is loaded later is
 * treated when its dlopen() returns, which is a redirected call, too. Addresses from dlsym() stay
 * as they are.
 */
#ifndef LP_HOOKS_REDIRECT_H
#define LP_HOOKS_REDIRECT_H

#include <link.h>
#include <stdbool.h>

/* From now on, `hook` is called in the place of `real`. Before lp_redirect_begin(). */
void lp_redirect(const char *name, void *hook, void *real);

/* Treats all loaded objects except the allocator itself and ours. Before the first constructor of
 * the program, so there is one thread. No lock, no allocation. */
void lp_redirect_begin(const struct link_map *ours, const struct link_map *allocator);

/* Does the loader look for this library where its caller says? Then the loader must see the caller.
 */
bool lp_redirect_by_caller(const char *name, void *caller);

/* dlopen() has returned this library. Nothing happens if no object is treated. */
void lp_redirect_opened(void *library, int flags);

#endif
