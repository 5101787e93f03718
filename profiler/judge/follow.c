#include "judge/follow.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "judge/booking.h"
#include "judge/callers.h"
#include "profile/heap.h"
#include "record/stacks.h"

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

/* What a candidate holds at one snapshot. */
struct held {
    double value, things;
};

enum { AT_ONCE = 4096 }; /* so many candidates are followed at once, which limits the memory */

struct follow {
    struct held (*held)[LP_TREND_POINTS]; /* of the candidates from `first` on */
    size_t first, n;
    uint32_t *found; /* by stack: its candidate plus 2, or 1 for none; 0: not looked up yet */
    size_t nstacks;
    double seconds[LP_TREND_POINTS], work[LP_TREND_POINTS];
};

/* Looks up each stack once: finding its place is slow. */
static size_t candidate(const struct lp_ranking *ranking, struct follow *follow, int resource,
                        uint32_t stack)
{
    if (stack >= follow->nstacks)
        return lp_candidate(ranking, resource, stack);
    uint32_t *found = &follow->found[stack];
    if (*found == 0) {
        size_t at = lp_candidate(ranking, resource, stack);
        *found = at < ranking->n ? (uint32_t)at + 2 : 1;
    }
    return *found > 1 ? *found - 2 : ranking->n;
}

static void add_rows(const struct lp_ranking *ranking, struct follow *follow, int resource,
                     size_t k)
{
    const struct lp_tracked *tracked = &ranking->tracked[resource];
    const struct lp_profile *profile = ranking->series->at[k]->profiles[tracked->profile];

    for (size_t i = 0; i < profile->nrows; i++) {
        const struct lp_row *row = &profile->rows[i];
        if (!lp_tracks(tracked, row))
            continue;
        size_t at = candidate(ranking, follow, resource, row->stack) - follow->first;
        if (at >= follow->n)
            continue;
        follow->held[at][k].value += (double)row->value[tracked->is->value];
        follow->held[at][k].things += lp_things_of(tracked, row);
    }
}

static void judge(const struct lp_ranking *ranking, const struct follow *follow)
{
    size_t n = ranking->series->n;

    for (size_t i = 0; i < follow->n; i++) {
        struct lp_suspect *s = &ranking->suspects[follow->first + i];
        struct lp_point points[LP_TREND_POINTS];
        for (size_t k = 0; k < n; k++)
            points[k] = (struct lp_point){follow->seconds[k], follow->work[k],
                                          follow->held[i][k].value, follow->held[i][k].things};
        s->from = llround(follow->held[i][0].value);
        s->to = llround(follow->held[i][n - 1].value);
        lp_judge(&s->judgement, points, n, &(struct lp_flow){s->more.blocks, s->less.blocks});
        s->judgement.chance = fmin(s->judgement.chance * fmax(s->tests, 1), 1);
        s->judgement.listing = fmin(s->judgement.listing * fmax(s->tests, 1), 1);
    }
}

/* The candidates of one resource follow each other. */
static void follow_resource(const struct lp_ranking *ranking, struct follow *follow, int resource,
                            size_t begin, size_t end)
{
    memset(follow->found, 0, follow->nstacks * sizeof *follow->found);
    for (size_t first = begin; first < end; first += follow->n) {
        follow->first = first;
        follow->n = end - first < AT_ONCE ? end - first : AT_ONCE;
        memset(follow->held, 0, follow->n * sizeof *follow->held);
        for (size_t k = 0; k < ranking->series->n; k++)
            if (ranking->tracked[resource].profile == LP_UNUSED)
                follow->held[0][k].value = (double)ranking->series->at[k]->unused.bytes;
            else
                add_rows(ranking, follow, resource, k);
        judge(ranking, follow);
    }
}

/* Work in allocated bytes: every sample has the same weight. */
static double work_until(const struct lp_ranking *ranking, const struct lp_snapshot *snapshot)
{
    return ranking->requests > 0
               ? (double)snapshot->figures.requests
               : (double)lp_profile_total(snapshot->profiles[LP_HEAP], LP_ALLOC_BYTES, NULL);
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
    size_t most = ranking->n < AT_ONCE ? ranking->n : AT_ONCE,
           nstacks = LP_STACK_FIRST + lp_stack_count();
    struct follow follow = {.held = calloc(most + 1, sizeof *follow.held),
                            .found = calloc(nstacks, sizeof *follow.found),
                            .nstacks = nstacks};
    int rc = follow.held && follow.found ? 0 : -ENOMEM;

    follow_totals(ranking);
    for (size_t k = 0; k < ranking->series->n; k++) {
        const struct lp_snapshot *snapshot = ranking->series->at[k];
        follow.seconds[k] = (double)(snapshot->uptime_ns - ranking->from->uptime_ns) / 1e9;
        follow.work[k] = work_until(ranking, snapshot);
    }
    for (size_t begin = 0, end; rc == 0 && begin < ranking->n; begin = end) {
        int resource = ranking->suspects[begin].resource;
        for (end = begin; end < ranking->n && ranking->suspects[end].resource == resource;)
            end++;
        follow_resource(ranking, &follow, resource, begin, end);
    }
    free(follow.held);
    free(follow.found);
    return rc;
}
