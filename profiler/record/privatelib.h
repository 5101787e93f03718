/*
 * Loads a shared library for the profiler alone.
 *
 * RTLD_LOCAL keeps its symbols out of all other look-ups. RTLD_DEEPBIND keeps it from calling
 * functions of the program that have the names of libc's. Some of its calls are overridden: after
 * loading, entries of the library's own table of addresses (its global offset table) are replaced
 * by functions of ours. Calls from other libraries are not affected.
 *
 * If the program has loaded the same library, both share one copy. So an override must pass on
 * calls that do not come from the profiler, to the function that was in the table before.
 */
#ifndef LP_RECORD_PRIVATELIB_H
#define LP_RECORD_PRIVATELIB_H

#include <stddef.h>

struct lp_override {
    const char *name; /* the function's name, as the library imports it */
    void *function;   /* what the library calls instead */
    void **original;  /* receives what it called before; NULL: not wanted. Stays as it is if the
                       * library does not import this name */
};

/* Loads the library for good; a handle for dlsym(), or NULL. Takes the loader's lock and allocates:
 * not in hooks, not in signal handlers. The last override has no name. If the library has more than
 * `tls_bytes` of thread-local variables, or some that are not zero at first, nothing is overridden
 * and the result is NULL: an override of __tls_get_addr() has no room for them. */
void *lp_privatelib_load(const char *name, const struct lp_override *overrides, size_t tls_bytes);

#endif
