/*
 * The linker's names of C++ functions, made readable. Profiler's thread only.
 */
#ifndef LP_SYMBOLIZE_DEMANGLE_H
#define LP_SYMBOLIZE_DEMANGLE_H

/* The name as the source has it, from lp_name(); the name itself where it is not C++'s, or nobody
 * here can read it. */
const char *lp_demangle(const char *name);

#endif
