/*
 * The profiler's threads inside the loader. glibc does not give a forked child the loader's locks:
 * if another thread holds one at a fork, the child waits for ever. So our threads say when they
 * enter the loader, and fork waits a moment until none is there. As a thread of the program's may
 * be, a child does not ask the loader for its list, until it has answered once.
 */
#ifndef LP_RECORD_LOADER_H
#define LP_RECORD_LOADER_H

#include <link.h>
#include <stdbool.h>

/* Around dlopen() and the like, on a thread of the profiler's. */
void lp_loader_enter(void);
void lp_loader_leave(void);

/* dl_iterate_phdr(), with the above around it on a thread of the profiler's. */
typedef int lp_object_visit(struct dl_phdr_info *info, size_t size, void *arg);
int lp_loader_walk(lp_object_visit *visit, void *arg);

/* In a child, before the loader has answered once: who need not ask had better not. */
bool lp_loader_doubtful(void);

/* Around fork(); what the first returns goes to the second. `above_holder`: nothing is waited for.
 */
bool lp_loader_before_fork(bool above_holder);
void lp_loader_after_fork(bool held, bool child);

#endif
