/*
 * Every row of both snapshots and of their difference is booked on its place (the guilty frame of
 * its stack), all of them sorted by place, and neighbours added up; what is then big enough and
 * certain enough is sorted by the share of the limit that its growth took.
 *
 * A stack that shrank counts against the others at its place: a place whose work merely moved from
 * one caller to another has not grown.
 *
 * Ages are looked up only for what came that far: a place's are those of all its stacks together.
 */
#include "export/ranking.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "export/limits.h"

static int by_place(const void *x, const void *y)
{
    const struct lp_suspect *a = x, *b = y;

    if (a->resource != b->resource)
        return a->resource - b->resource;
    int order = strcmp(a->place->function, b->place->function);
    if (order == 0)
        order = strcmp(a->place->file, b->place->file);
    return order ? order : a->place->line - b->place->line;
}

static int by_rank(const void *x, const void *y)
{
    const struct lp_suspect *a = x, *b = y;

    if (a->share != b->share)
        return a->share > b->share ? -1 : 1;
    return by_place(a, b);
}

static int book(struct lp_ranking *ranking, const struct lp_suspect *booking)
{
    if (ranking->n == ranking->room) {
        size_t room = ranking->room ? ranking->room * 2 : 256;
        struct lp_suspect *suspects = realloc(ranking->suspects, room * sizeof(*suspects));
        if (!suspects)
            return -ENOMEM;
        ranking->suspects = suspects;
        ranking->room = room;
    }
    ranking->suspects[ranking->n++] = *booking;
    return 0;
}

static bool counts(const struct lp_profile *profile, const struct lp_row *row)
{
    return !profile->kind->resource.counts || profile->kind->resource.counts(row);
}

static void drop_uncounted(struct lp_profile *profile)
{
    size_t kept = 0;

    for (size_t i = 0; i < profile->nrows; i++)
        if (counts(profile, &profile->rows[i]))
            profile->rows[kept++] = profile->rows[i];
    profile->nrows = kept;
}

enum side { FROM, TO, GROWTH };

static int book_rows(struct lp_ranking *ranking, int resource, const struct lp_profile *profile,
                     enum side side)
{
    int value = profile->kind->growth_value, rc = 0;

    for (size_t i = 0; rc == 0 && i < profile->nrows; i++) {
        const struct lp_row *row = &profile->rows[i];
        if (!counts(profile, row))
            continue;
        struct lp_suspect booking = {.place = lp_place_of(row->stack), .resource = resource};
        if (side == FROM) {
            booking.from = row->value[value];
        } else if (side == TO) {
            booking.to = row->value[value];
        } else {
            booking.growth = booking.biggest = row->value[value];
            booking.busy_stack = row->stack;
            booking.variance = row->variance[value];
            booking.stack = row->stack;
            if (profile->kind->tallies) {
                booking.allocated = booking.busiest = row->value[LP_ALLOC_BYTES];
                booking.freed = lp_row_freed(row, LP_ALLOC_BYTES);
                booking.allocated_variance = row->variance[LP_ALLOC_BYTES];
                booking.freed_variance = row->freed_variance[LP_ALLOC_BYTES];
            }
        }
        rc = book(ranking, &booking);
    }
    return rc;
}

static void add_up(struct lp_ranking *ranking)
{
    size_t n = 0;

    if (ranking->n == 0)
        return;
    qsort(ranking->suspects, ranking->n, sizeof(*ranking->suspects), by_place);
    for (size_t i = 1; i < ranking->n; i++) {
        struct lp_suspect *sum = &ranking->suspects[n], *next = &ranking->suspects[i];
        if (by_place(sum, next) != 0) {
            ranking->suspects[++n] = *next;
            continue;
        }
        sum->growth += next->growth;
        sum->from += next->from;
        sum->to += next->to;
        sum->variance += next->variance;
        sum->allocated += next->allocated;
        sum->freed += next->freed;
        sum->allocated_variance += next->allocated_variance;
        sum->freed_variance += next->freed_variance;
        if (next->biggest > sum->biggest) {
            sum->biggest = next->biggest;
            sum->stack = next->stack;
        }
        if (next->busiest > sum->busiest) {
            sum->busiest = next->busiest;
            sum->busy_stack = next->busy_stack;
        }
    }
    ranking->n = n + 1;
}

static bool grew(const struct lp_suspect *s)
{
    return s->growth >= lp_resource(s->resource)->floor &&
           (double)s->growth > LP_SUSPECT_SIGMAS * sqrt(s->variance);
}

static bool is_busy(const struct lp_suspect *s)
{
    return s->allocated >= LP_CHURN_FLOOR_BYTES &&
           (double)s->allocated > LP_SUSPECT_SIGMAS * sqrt(s->allocated_variance) &&
           s->growth <= s->allocated / LP_CHURN_KEPT;
}

static void keep_candidates(struct lp_ranking *ranking)
{
    size_t n = 0;

    for (size_t i = 0; i < ranking->n; i++)
        if (grew(&ranking->suspects[i]) || is_busy(&ranking->suspects[i]))
            ranking->suspects[n++] = ranking->suspects[i];
    ranking->n = n;
}

/* The second snapshot's survivors at the place of each candidate; these are sorted by place. */
static int add_ages(struct lp_ranking *ranking)
{
    const struct lp_profile *heap = ranking->to->profiles[LP_RESOURCE_HEAP];
    struct lp_age_sum *sums = calloc(ranking->n + 1, sizeof(*sums));

    if (!sums)
        return -ENOMEM;
    for (size_t i = 0; ranking->n > 0 && i < heap->nrows; i++) {
        struct lp_suspect key = {.place = lp_place_of(heap->rows[i].stack)};
        if (i > 0 && heap->rows[i].stack == heap->rows[i - 1].stack)
            continue;
        const struct lp_suspect *at =
            bsearch(&key, ranking->suspects, ranking->n, sizeof(key), by_place);
        if (at)
            lp_ages_add(heap->ages, heap->rows[i].stack, &sums[at - ranking->suspects]);
    }
    for (size_t i = 0; i < ranking->n; i++) {
        struct lp_suspect *s = &ranking->suspects[i];
        int64_t window = ranking->to->uptime_ns - ranking->from->uptime_ns;
        s->survivors = lp_age_of(&sums[i], &s->age);
        s->in_flight = s->survivors && s->growth <= s->allocated / LP_CHURN_IN_FLIGHT &&
                       lp_age_between(&sums[i], window / 10, window) <= 0;
    }
    free(sums);
    return 0;
}

static void add_churn(struct lp_ranking *ranking, const struct lp_suspect *s)
{
    size_t i = ranking->nchurn;

    if (i == LP_CHURN_SHOWN && s->allocated <= ranking->churn[--i].allocated)
        return;
    for (; i > 0 && ranking->churn[i - 1].allocated < s->allocated; i--)
        ranking->churn[i] = ranking->churn[i - 1];
    ranking->churn[i] = *s;
    if (ranking->nchurn < LP_CHURN_SHOWN)
        ranking->nchurn++;
}

static void rank(struct lp_ranking *ranking)
{
    size_t n = 0;

    for (size_t i = 0; i < ranking->n; i++) {
        struct lp_suspect *s = &ranking->suspects[i];
        s->share = (double)s->growth / (double)ranking->limit[s->resource];
        if (is_busy(s) && (s->in_flight || !grew(s)))
            add_churn(ranking, s);
        else if (grew(s))
            ranking->suspects[n++] = *s;
    }
    ranking->n = n;
    if (n > 0)
        qsort(ranking->suspects, n, sizeof(*ranking->suspects), by_rank);
}

/* Of what bounds this resource. */
static int64_t used(const struct lp_snapshot *snapshot, int resource)
{
    const struct lp_profile *profile = snapshot->profiles[resource];

    switch (profile->kind->resource.bound) {
    case LP_BOUND_MEMORY:
        return snapshot->figures.rss_bytes;
    case LP_BOUND_THREADS:
        return snapshot->figures.threads;
    case LP_BOUND_FDS:
        return snapshot->figures.fds;
    default:
        return lp_profile_total(profile, profile->kind->growth_value, NULL);
    }
}

int lp_rank(struct lp_ranking *ranking, const struct lp_snapshot *from,
            const struct lp_snapshot *to)
{
    struct lp_limits limits;
    int rc = 0;

    memset(ranking, 0, sizeof(*ranking));
    lp_modules_refresh();
    lp_limits_read(&limits);
    ranking->from = from;
    ranking->to = to;
    ranking->seconds = (double)(to->uptime_ns - from->uptime_ns) / 1e9;

    for (int r = 0; rc == 0 && r < LP_SNAPSHOT_PROFILES; r++) {
        if (!lp_resource(r))
            continue;
        ranking->limit[r] = limits.at[lp_resource(r)->bound];
        ranking->used[r] = used(to, r);
        struct lp_profile *diff = lp_profile_diff(from->profiles[r], to->profiles[r]);
        if (!diff)
            return -ENOMEM;
        drop_uncounted(diff);
        ranking->total[r] =
            lp_profile_total(diff, diff->kind->growth_value, &ranking->total_error[r]);
        rc = book_rows(ranking, r, diff, GROWTH);
        lp_profile_free(diff);
        if (rc == 0)
            rc = book_rows(ranking, r, from->profiles[r], FROM);
        if (rc == 0)
            rc = book_rows(ranking, r, to->profiles[r], TO);
    }
    if (rc == 0) {
        add_up(ranking);
        keep_candidates(ranking);
        rc = add_ages(ranking);
    }
    if (rc == 0)
        rank(ranking);
    return rc;
}

void lp_ranking_release(struct lp_ranking *ranking)
{
    free(ranking->suspects);
}
