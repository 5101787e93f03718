/*
 * Where leakprof runs. The build includes this first in every file of the profiler. SUPPORT.md has
 * the whole table.
 */
#ifndef LP_SYS_PLATFORM_H
#define LP_SYS_PLATFORM_H

#if !defined __x86_64__ || defined __ILP32__ || !defined __linux__
#error "leakprof runs on x86-64 Linux only: stacks, hooks and system calls are written for it."
#endif

#include <features.h>

#ifndef __GLIBC__
#error "leakprof needs glibc: its hooks replace glibc's functions, and other C libraries differ."
#elif !__GLIBC_PREREQ(2, 28)
#error "leakprof needs glibc 2.28 or later."
#endif

#endif
