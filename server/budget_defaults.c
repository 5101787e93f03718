#include "budget_defaults.h"

#include <sys/resource.h>

#include "leakprof_server.h"

enum {
    THREADS_MAX = 4096,
    FDS_MAX = 16384 /* with one peer port, there are 28,232 local ports for connections to it */
};

static int64_t at_most(int64_t share, int64_t max)
{
    return share < max ? share : max;
}

void budget_defaults(struct leakprof_limits *budget)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    leakprof_limits(budget);
    budget->memory /= 4;
    budget->threads = at_most(budget->threads / 4, THREADS_MAX);
    budget->fds = at_most(budget->fds / 2, FDS_MAX);
}
