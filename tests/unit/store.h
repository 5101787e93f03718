/* Snapshots into the store, as the profiler's server takes them. */
#ifndef TESTS_STORE_H
#define TESTS_STORE_H

#include <errno.h>

#include "profile/store.h"

static inline int store_take(const char *name, const struct lp_snapshot **out)
{
    struct lp_snapshot *snapshot = lp_snapshot_now(true);
    int error = snapshot ? lp_store_put(snapshot, name) : -errno;
    *out = error ? NULL : snapshot;
    return error;
}

#endif
