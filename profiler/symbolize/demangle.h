/*
 * Demangles the linker's names of C++ and Rust functions. Profiler's thread only.
 */
#ifndef LP_SYMBOLIZE_DEMANGLE_H
#define LP_SYMBOLIZE_DEMANGLE_H

/* Returns the name as in the source. Free it. NULL: it is not a mangled name, or cannot be
 * demangled. */
char *lp_demangle(const char *name);

#endif
