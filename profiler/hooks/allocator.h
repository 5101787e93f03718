/*
 * The allocator behind the hooks of malloc(3).
 *
 * The hooks pass each call on to the next definition of its name in lookup order, as the loader
 * would have bound it without a profiler: libc's, or that of jemalloc, tcmalloc or mimalloc. What
 * the profiler itself asks for (a block's usable size) comes only from
 * the object that defines malloc.
 *
 * If the definition of an allocator stands before the hooks, calls are sent to the hooks by
 * hooks/redirect.h. If that is not possible, no block is recorded (record/allocator.h).
 */
#ifndef LP_HOOKS_ALLOCATOR_H
#define LP_HOOKS_ALLOCATOR_H

#include <malloc.h>
#include <stdlib.h>

#include "record/allocator.h"

struct link_map;

#define LP_MALLOC_NAMES(X)                                                                         \
    X(malloc)                                                                                      \
    X(calloc)                                                                                      \
    X(realloc)                                                                                     \
    X(reallocarray)                                                                                \
    X(free)                                                                                        \
    X(memalign)                                                                                    \
    X(aligned_alloc)                                                                               \
    X(posix_memalign)                                                                              \
    X(valloc)                                                                                      \
    X(pvalloc)                                                                                     \
    X(malloc_usable_size)

/* The real functions. Each slow path calls lp_allocator_ready() first, and no fast path is taken
 * before a slow one. malloc_usable_size may be NULL: the allocator has none. */
struct lp_malloc_calls {
#define LP_MALLOC_CALL(name) __typeof__(&name) name;
    LP_MALLOC_NAMES(LP_MALLOC_CALL)
#undef LP_MALLOC_CALL
};
extern struct lp_malloc_calls lp_real_malloc __attribute__((visibility("hidden")));

/* At start-up, before the first constructor of the program: redirects what has to be. */
void lp_allocator_start(void);

/* C++'s operators, and what jemalloc has beyond malloc(3), which this allocator defines
 * (hooks/operators.c). */
struct lp_symbols;
void lp_operators_redirect(const struct lp_symbols *allocator);

/* The hook of this name, if the program's calls are sent to it although the name's first definition
 * is the allocator's. Otherwise NULL. */
void *lp_allocator_hook(const char *name);

/* Finds it all. `ours` is the object with the hooks. No lock, no allocation; any context. */
void lp_allocator_find(const struct link_map *ours);

#endif
