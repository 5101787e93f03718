/*
 * The linker's names of C++ and Rust functions, made readable. Profiler's thread only.
 */
#ifndef LP_SYMBOLIZE_DEMANGLE_H
#define LP_SYMBOLIZE_DEMANGLE_H

/* The name as the source has it, to be freed. NULL: it is no such name, or it cannot be read. */
char *lp_demangle(const char *name);

#endif
