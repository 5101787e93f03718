/*
 * A shared library for the profiler alone.
 *
 * It is loaded with RTLD_LOCAL, so that its symbols stand before nobody else's, and with
 * RTLD_DEEPBIND, so that it does not call functions of the program that happen to have libc's
 * names. Some of its calls are answered by functions of ours instead: after loading, the library's
 * own table of addresses (its global offset table) is made to point at them. Nobody else's calls
 * are affected.
 *
 * If the program has loaded the same library, there is one copy for both. An answer must therefore
 * pass on what does not come from the profiler, to the function that stood in the table before.
 */
#ifndef LP_RECORD_PRIVATELIB_H
#define LP_RECORD_PRIVATELIB_H

#include <stddef.h>

struct lp_answer {
    const char *call; /* the function's name, as the library imports it */
    void *function;   /* what the library calls from now on */
    void **real; /* receives what it called before; NULL: not wanted. Stays as it is if the library
                  * does not import this name */
};

/* Loads the library for good; a handle for dlsym(), or NULL. Takes the loader's lock and allocates:
 * not in hooks, not in signal handlers. */
void *lp_privatelib_load(const char *name, const struct lp_answer *answers, size_t n);

#endif
