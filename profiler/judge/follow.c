#include "judge/follow.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "judge/booking.h"
#include "judge/callers.h"
#include "profile/heap.h"

int lp_by_place(const void *x, const void *y)
{
    const struct lp_suspect *a = x, *b = y;

    if (a->resource != b->resource)
        return a->resource - b->resource;
    int order = strcmp(a->place->function, b->place->function);
    if (order == 0)
        order = strcmp(a->place->file, b->place->file);
    if (order == 0)
        order = a->place->line - b->place->line;
    return order ? order : (a->node > b->node) - (a->node < b->node);
}

size_t lp_candidate(const struct lp_ranking *ranking, int resource, uint32_t stack)
{
    const struct lp_moved *moved = lp_moved_stack(ranking, resource, stack);
    struct lp_suspect key = {.place = moved ? moved->place : lp_place_of(stack),
                             .resource = resource,
                             .node = moved ? moved->node : 0};
    const struct lp_suspect *at =
        ranking->n == 0 ? NULL
                        : bsearch(&key, ranking->suspects, ranking->n, sizeof(key), lp_by_place);
    return at ? (size_t)(at - ranking->suspects) : ranking->n;
}

/* What to add up over the rows at each place. */
enum what { VALUE, VARIANCE };

static void add_rows(const struct lp_ranking *ranking, const struct lp_profile *profile, int p,
                     enum what what, struct lp_point *points, size_t k)
{
    for (int r = 0; r < ranking->nresources; r++) {
        const struct lp_tracked *tracked = &ranking->tracked[r];
        for (size_t i = 0; tracked->profile == p && i < profile->nrows; i++) {
            const struct lp_row *row = &profile->rows[i];
            if (!lp_tracks(tracked, row))
                continue;
            size_t at = lp_candidate(ranking, r, row->stack);
            if (at == ranking->n)
                continue;
            struct lp_point *point = &points[at * ranking->series->n + k];
            if (what == VALUE) {
                point->value += (double)row->value[tracked->is->value];
                point->value_variance += row->variance[tracked->is->value];
                point->things += lp_things_of(tracked, row);
            } else {
                point->variance += row->variance[tracked->is->value];
            }
        }
    }
}

/* Work in allocated bytes: every sample has the same weight. */
static double work_until(const struct lp_ranking *ranking, const struct lp_snapshot *snapshot)
{
    return ranking->requests > 0
               ? (double)snapshot->figures.requests
               : (double)lp_profile_total(snapshot->profiles[LP_HEAP], LP_ALLOC_BYTES, NULL);
}

/* Adds the k-th point of every candidate. */
static int add_points(const struct lp_ranking *ranking, struct lp_point *points, size_t k)
{
    const struct lp_snapshot *snapshot = ranking->series->at[k];
    double work = work_until(ranking, snapshot), error = 0, error_now;

    if (k > 0) {
        struct lp_profile *diff = lp_profile_diff(ranking->series->at[k - 1]->profiles[LP_HEAP],
                                                  snapshot->profiles[LP_HEAP]);
        if (!diff)
            return -ENOMEM;
        add_rows(ranking, diff, LP_HEAP, VARIANCE, points, k);
        lp_profile_total(diff, LP_INUSE_BYTES, &error);
        lp_profile_free(diff);
    }
    for (int p = 0; p < LP_SNAPSHOT_PROFILES; p++)
        add_rows(ranking, snapshot->profiles[p], p, VALUE, points, k);
    for (size_t i = 0; i < ranking->n; i++) {
        struct lp_point *point = &points[i * ranking->series->n + k];
        point->seconds = (double)(snapshot->uptime_ns - ranking->from->uptime_ns) / 1e9;
        point->work = work;
        if (ranking->tracked[ranking->suspects[i].resource].profile == LP_UNUSED) {
            point->value = (double)snapshot->unused.bytes;
            point->variance = error * error;
            lp_profile_total(snapshot->profiles[LP_HEAP], LP_INUSE_BYTES, &error_now);
            point->value_variance = error_now * error_now;
        }
    }
    return 0;
}

static void follow_totals(struct lp_ranking *ranking)
{
    const struct lp_series *series = ranking->series;
    double seconds[LP_TREND_POINTS], values[LP_TREND_POINTS];

    for (int r = 0; series->n >= 3 && r < ranking->nresources; r++) {
        if (ranking->missing[r])
            continue;
        for (size_t k = 0; k < series->n; k++) {
            seconds[k] = (double)series->at[k]->uptime_ns / 1e9;
            values[k] = (double)lp_tracked_total(&ranking->tracked[r], series->at[k]);
        }
        lp_trend(&ranking->total_trend[r], seconds, values, series->n);
    }
}

int lp_follow(struct lp_ranking *ranking)
{
    size_t n = ranking->series->n;
    struct lp_point *points = calloc(ranking->n * n + 1, sizeof(*points));
    int rc = points ? 0 : -ENOMEM;

    follow_totals(ranking);
    for (size_t k = 0; rc == 0 && ranking->n > 0 && k < n; k++)
        rc = add_points(ranking, points, k);
    for (size_t i = 0; rc == 0 && i < ranking->n; i++) {
        struct lp_suspect *s = &ranking->suspects[i];
        s->from = llround(points[i * n].value);
        s->to = llround(points[i * n + n - 1].value);
        lp_judge(&s->judgement, &points[i * n], n,
                 &(struct lp_flow){s->more.blocks, s->less.blocks});
    }
    free(points);
    return rc;
}
