/*
 * Loads a shared library for the profiler alone.
 *
 * RTLD_LOCAL keeps its symbols out of all other look-ups. RTLD_DEEPBIND keeps it from calling
 * functions of the program that have the names of libc's. Some of its calls are redirected to
 * functions of ours: after loading, entries of the library's own table of addresses (its global
 * offset table) are overwritten. Calls from other libraries are not affected.
 *
 * If the program has loaded the same library, both share one copy. So a replacement function must
 * pass on calls that do not come from the profiler, to the function that was in the table before.
 */
#ifndef LP_RECORD_PRIVATELIB_H
#define LP_RECORD_PRIVATELIB_H

#include <stddef.h>

struct lp_answer {
    const char *call; /* the function's name, as the library imports it */
    void *function;   /* what the library calls instead */
    void **real; /* receives the function that it called before; NULL: not wanted. Unchanged if the
                    library does not import this name */
};

/* Loads the library and never unloads it. Returns a handle for dlsym(), or NULL. Takes the loader's
 * lock and allocates: do not call it in hooks or signal handlers. */
void *lp_privatelib_load(const char *name, const struct lp_answer *answers, size_t n);

#endif
