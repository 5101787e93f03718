/* The descriptors that are open now, as /proc/self/fd lists them. Profiler's thread only. */
#ifndef LP_INSPECT_FDS_H
#define LP_INSPECT_FDS_H

#include <stdbool.h>

/* Calls visit for each; `own` ones are the profiler's. 0 or negative errno. */
int lp_each_fd(void (*visit)(int fd, bool own, void *arg), void *arg);

#endif
