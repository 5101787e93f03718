/*
 * What grew over a series of snapshots, ranked over all resources together, each with a verdict.
 * write/suspects.h explains what a place is and when it is listed. Profiler's thread only.
 */
#ifndef LP_JUDGE_RANKING_H
#define LP_JUDGE_RANKING_H

#include <stddef.h>
#include <stdint.h>

#include "profile/ages.h"
#include "symbolize/frames.h"
#include "judge/resources.h"
#include "judge/estimate.h"
#include "judge/verdict.h"
#include "profile/store.h"

#define LP_SUSPECT_WRONG 0.05  /* expected share of suspects that grew by chance */
#define LP_LEAKING_WRONG 0.005 /* and of those that are called leaking */
#define LP_OUTSIDE 0.05        /* a stated interval misses the truth so often */

enum {
    LP_CHURN_FLOOR_BYTES = 1 << 20, /* allocated in the window */
    LP_CHURN_KEPT = 8,              /* at most one byte in this many is kept */
    LP_CHURN_SHOWN = 8,             /* how many of the busiest are shown */
    LP_CHURN_IN_FLIGHT = 16,        /* see write/suspects.h */
    LP_LITTLE_SHOWN = 8,            /* of those that grew too little or in too few steps */
    LP_LARGE = 8,                   /* growth by one in so many held bytes is always listed */
    LP_UNUSED_FLOOR = 8 << 20,      /* growth of unused memory: malloc's own ways move by less */
    LP_HIGH_WATER_BYTES =
        16 << 20 /* of unused memory, from where on it is shown though it does not grow */
};

/* At least two snapshots, from the earliest to the latest. They must live as long as the ranking.
 */
struct lp_series {
    size_t n;
    const struct lp_snapshot *at[LP_TREND_POINTS];
};

struct lp_suspect {
    const struct lp_frame *place;
    int resource; /* index of the ranking's tracked */
    int64_t growth, from, to;
    double variance;               /* variance of the growth */
    struct lp_estimate more, less; /* their difference is the growth */
    struct lp_interval interval;   /* of the growth, if it is shown */
    uintptr_t node;  /* 0: the place allocates. Otherwise it calls what does (judge/callers.h) */
    double tests;    /* how many callers were tested until this one was found; 0: none */
    int64_t biggest; /* growth of `stack`, the one that grew most */
    uint32_t stack;
    double share; /* share of the limit */
    struct lp_judgement judgement;

    /* Heap only: */
    int64_t allocated, freed; /* in the window */
    double allocated_variance, freed_variance;
    int64_t busiest; /* allocated by `busy_stack`, the one that allocated most */
    uint32_t busy_stack;
    bool survivors; /* blocks here were alive in the last snapshot: */
    struct lp_age age;
    int64_t median_before_ns; /* their median age halfway through the series; -1: there were none */
    bool in_flight; /* of what was allocated here in the window, only the youngest is left */
};

/* The growth of this stack is booked at a caller. */
struct lp_moved {
    int resource;
    uint32_t stack;
    uintptr_t node;
    double tests; /* see struct lp_height */
    const struct lp_frame *place;
};

struct lp_ranking {
    const struct lp_series *series;
    const struct lp_snapshot *from, *to; /* its first and its last */
    double seconds;
    int64_t requests; /* counted by the program in the window */
    struct lp_tracked tracked[LP_RESOURCES_MAX];
    int nresources;
    const char *missing[LP_RESOURCES_MAX]; /* why it is not judged; NULL: it is */
    int64_t limit[LP_RESOURCES_MAX];
    int64_t held[LP_RESOURCES_MAX]; /* how much of it there is, in the last snapshot */
    int64_t used[LP_RESOURCES_MAX]; /* how much of each limit was used, in the last snapshot */
    int64_t total[LP_RESOURCES_MAX];
    double total_error[LP_RESOURCES_MAX];
    struct lp_trend total_trend[LP_RESOURCES_MAX]; /* a second; all zero below three snapshots */
    struct lp_suspect *suspects; /* first all bookings, then what is left of them, ranked */
    size_t n, capacity;
    struct lp_suspect churn[LP_CHURN_SHOWN]; /* busy but not growing, the busiest first */
    size_t nchurn;
    struct lp_suspect
        little[LP_LITTLE_SHOWN]; /* grew, too little or in too few steps; the largest first */
    size_t nlittle, little_more; /* and so many more, */
    int64_t little_growth;       /* with this heap growth together */
    struct lp_moved *moved;      /* by resource and stack */
    size_t nmoved, moved_capacity;
    double rate;       /* bytes for each sample of the heap; 0: exact */
    double unrecorded; /* so many seconds of the window the rate was 0: nothing was recorded */
    size_t tested;     /* places with enough events to be a suspect */
    double listed;     /* the largest chance of a suspect */
};

static inline bool lp_ranks_heap(const struct lp_ranking *ranking, const struct lp_suspect *s)
{
    return ranking->tracked[s->resource].profile == LP_HEAP;
}

/* Returns 0 or -ENOMEM. Release the ranking in both cases. */
int lp_rank(struct lp_ranking *ranking, const struct lp_series *series);
void lp_ranking_release(struct lp_ranking *ranking);

#endif
