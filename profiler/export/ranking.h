/*
 * What grew between two snapshots, ranked over all resources at once: the figures behind
 * export/suspects.h, which says what a place is, and when it is listed. Profiler's thread only.
 */
#ifndef LP_EXPORT_RANKING_H
#define LP_EXPORT_RANKING_H

#include <stddef.h>
#include <stdint.h>

#include "export/frames.h"
#include "snapshot/store.h"

enum {
    LP_SUSPECT_SIGMAS = 3,
    LP_CHURN_FLOOR_BYTES = 1 << 20, /* allocated in the window */
    LP_CHURN_KEPT = 8,              /* at most one byte in so many is kept */
    LP_CHURN_SHOWN = 8,             /* the busiest */
    LP_CHURN_IN_FLIGHT = 16         /* see export/suspects.h */
};

/* What suspects call the r-th kind of a snapshot, and from when on it counts. NULL: it is no
 * resource. The heap is number LP_RESOURCE_HEAP. */
enum { LP_RESOURCE_HEAP = 0 };
static inline const struct lp_resource *lp_resource(int r)
{
    const struct lp_resource *resource = &lp_snapshot_kinds[r]->resource;
    return resource->bound == LP_BOUND_NONE ? NULL : resource;
}

struct lp_suspect {
    const struct lp_frame *place;
    int resource; /* index of lp_snapshot_kinds */
    int64_t growth, from, to;
    double variance; /* of the growth */
    int64_t biggest; /* growth of `stack`, the one that grew most */
    uint32_t stack;
    double share; /* of the limit */

    /* Heap only: */
    int64_t allocated, freed; /* in the window */
    double allocated_variance, freed_variance;
    int64_t busiest; /* allocated by `busy_stack`, the one that allocated most */
    uint32_t busy_stack;
    bool survivors; /* live blocks were seen here in the second snapshot: */
    struct lp_age age;
    bool in_flight; /* of what the window allocated here, only the youngest is left */
};

struct lp_ranking {
    const struct lp_snapshot *from, *to;
    double seconds;
    int64_t limit[LP_SNAPSHOT_PROFILES];
    int64_t used[LP_SNAPSHOT_PROFILES]; /* of the limit, in the second snapshot */
    int64_t total[LP_SNAPSHOT_PROFILES];
    double total_error[LP_SNAPSHOT_PROFILES];
    struct lp_suspect *suspects; /* first all bookings, then what is left of them, ranked */
    size_t n, room;
    struct lp_suspect churn[LP_CHURN_SHOWN]; /* busy but not growing, the busiest first */
    size_t nchurn;
};

/* 0 or -ENOMEM; to be released either way. The snapshots must live as long. */
int lp_rank(struct lp_ranking *ranking, const struct lp_snapshot *from,
            const struct lp_snapshot *to);
void lp_ranking_release(struct lp_ranking *ranking);

#endif
