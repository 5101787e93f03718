/*
 * Reads a filter of system calls (seccomp) that the program is about to install, and finds out
 * whether it would end the process for a call that the profiler makes.
 */
#ifndef LP_HOOKS_FILTER_H
#define LP_HOOKS_FILTER_H

#include <linux/filter.h>
#include <stdbool.h>

/* What the program's threads call in the hooks, and what the profiler's thread calls. */
bool lp_filter_spares_hooks(const struct sock_fprog *filter);
bool lp_filter_spares_thread(const struct sock_fprog *filter);

#endif
