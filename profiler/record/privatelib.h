/*
 * Loads a shared library for the profiler alone.
 *
 * It is loaded with RTLD_LOCAL, so that its symbols stand before nobody else's, and with
 * RTLD_DEEPBIND, so that it does not call functions of the program that happen to have libc's
 * names. Some of its calls are overridden: after loading, the library's own table of addresses (its
 * global offset table) is made to point at functions of ours. Nobody else's calls are affected.
 *
 * If the program has loaded the same library, there is one copy for both. An override must
 * therefore pass on what does not come from the profiler, to the function that stood in the table
 * before.
 */
#ifndef LP_RECORD_PRIVATELIB_H
#define LP_RECORD_PRIVATELIB_H

#include <stddef.h>

struct lp_override {
    const char *name; /* the function's name, as the library imports it */
    void *function;   /* what the library calls from now on */
    void **original;  /* receives what it called before; NULL: not wanted. Stays as it is if the
                       * library does not import this name */
};

/* Loads the library for good; a handle for dlsym(), or NULL. Takes the loader's lock and allocates:
 * not in hooks, not in signal handlers. The last override has no name. If the library has more than
 * `tls_bytes` of thread-local variables, or some that are not zero at first, nothing is overridden
 * and the result is NULL: an override of __tls_get_addr() has no room for them. */
void *lp_privatelib_load(const char *name, const struct lp_override *overrides, size_t tls_bytes);

#endif
