/*
 * Inside this room: what the hooks for descriptors share. Each calls the real function (never the
 * bare system call, because many are cancellation points), then records the number with the
 * caller's stack. A close is recorded before it happens: after it, the number may already be
 * another thread's.
 */
#ifndef LP_HOOKS_FDS_H
#define LP_HOOKS_FDS_H

#include <stdbool.h>

#include "hooks/hook.h"

#define CALLER __builtin_return_address(0)

/* Records n descriptors, all made by one call, and keeps errno. */
void lp_fds_opened(const int *fds, int n, void *caller);

void lp_fds_closing(int fd);
void lp_fds_closing_range(unsigned first, unsigned last);

static inline int opened_one(int fd, void *caller)
{
    if (fd >= 0)
        lp_fds_opened(&fd, 1, caller);
    return fd;
}

static inline int opened_pair(int result, const int fds[2], void *caller)
{
    if (result == 0)
        lp_fds_opened(fds, 2, caller);
    return result;
}

/* One line for each call that returns a descriptor. */
#define OPENS(name, params, args)                                                                  \
    LP_FIND(name)                                                                                  \
    LP_HOOK int name params                                                                        \
    {                                                                                              \
        return opened_one(LP_REAL(name) args, CALLER);                                             \
    }

#endif
