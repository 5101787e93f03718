/*
 * Growth of a row is what came less what went. Blocks that came and went in the window are in both
 * sums, and blocks that stayed all the time are in what is live at both ends. Either pair has the
 * same difference, and both errors are too large. The pair with fewer blocks is used.
 */
#include "judge/booking.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "profile/heap.h"
#include "sys/array.h"

int lp_book_one(struct lp_ranking *ranking, const struct lp_suspect *booking)
{
    if (!lp_array_reserve(&ranking->suspects, &ranking->capacity, ranking->n + 1,
                          sizeof *ranking->suspects))
        return -ENOMEM;
    ranking->suspects[ranking->n++] = *booking;
    return 0;
}

double lp_coarsest_rate(const struct lp_snapshot *from, const struct lp_snapshot *to)
{
    const struct lp_heap *heap = lp_heap_of(to->profiles[LP_HEAP]);
    const struct lp_rates *rates = &heap->rates;
    int64_t coarsest = 0;

    for (uint32_t i = 0; i < rates->n; i++) {
        bool over = i + 1 < rates->n && rates->at[i + 1].since_ns <= from->uptime_ns;
        if (!over && rates->at[i].since_ns < to->uptime_ns && rates->at[i].bytes > coarsest)
            coarsest = rates->at[i].bytes;
    }
    return coarsest > 1 ? (double)coarsest : 0;
}

double lp_unrecorded(const struct lp_snapshot *from, const struct lp_snapshot *to)
{
    const struct lp_rates *rates = &lp_heap_of(to->profiles[LP_HEAP])->rates;
    int64_t off = 0;

    for (uint32_t i = 0; i < rates->n; i++) {
        int64_t begin = rates->at[i].since_ns,
                end = i + 1 < rates->n ? rates->at[i + 1].since_ns : to->uptime_ns;
        begin = begin > from->uptime_ns ? begin : from->uptime_ns;
        end = end < to->uptime_ns ? end : to->uptime_ns;
        if (rates->at[i].bytes == 0 && end > begin)
            off += end - begin;
    }
    return (double)off / 1e9;
}

/* The same row of an earlier or later profile, whose rows have the same order. */
static const struct lp_row *same_row(const struct lp_profile *profile, size_t *at,
                                     const struct lp_row *row)
{
    static const struct lp_row none;
    int order = 1;

    while (*at < profile->nrows && (order = lp_row_order(&profile->rows[*at], row)) < 0)
        ++*at;
    return *at < profile->nrows && order == 0 ? &profile->rows[*at] : &none;
}

static struct lp_estimate estimate_of(const struct lp_row *row, int value)
{
    return lp_estimate_of((double)row->value[value], row->variance[value], (double)row->label_num);
}

static void book_heap(struct lp_suspect *booking, const struct lp_profile *diff,
                      const struct lp_row *row, const struct lp_row *from, const struct lp_row *to)
{
    booking->allocated = booking->busiest = row->value[LP_ALLOC_BYTES];
    booking->freed = lp_row_freed(row, LP_ALLOC_BYTES);
    booking->allocated_variance = row->variance[LP_ALLOC_BYTES];
    booking->freed_variance = lp_row_freed_variance(diff, row, LP_ALLOC_BYTES);
    booking->more = estimate_of(row, LP_ALLOC_BYTES);
    booking->less =
        lp_estimate_of((double)booking->freed, booking->freed_variance, (double)row->label_num);
    struct lp_estimate before = estimate_of(from, LP_INUSE_BYTES);
    if (before.blocks < booking->less.blocks) {
        booking->less = before;
        booking->more = estimate_of(to, LP_INUSE_BYTES);
    }
}

double lp_things_of(const struct lp_tracked *tracked, const struct lp_row *row)
{
    int value = tracked->is->value;
    if (tracked->profile == LP_HEAP)
        return estimate_of(row, value).blocks;
    return (double)row->value[strcmp(tracked->is->unit, "bytes") == 0 ? 0 : value];
}

static struct lp_estimate exact(const struct lp_tracked *tracked, const struct lp_row *row)
{
    return (struct lp_estimate){.known = (double)row->value[tracked->is->value],
                                .blocks = lp_things_of(tracked, row)};
}

static int book_rows(struct lp_ranking *ranking, int resource, const struct lp_profile *diff)
{
    const struct lp_tracked *tracked = &ranking->tracked[resource];
    const struct lp_profile *from = ranking->from->profiles[tracked->profile],
                            *to = ranking->to->profiles[tracked->profile];
    size_t before = 0, after = 0;
    double variance = 0;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < diff->nrows; i++) {
        const struct lp_row *row = &diff->rows[i];
        if (!lp_tracks(tracked, row))
            continue;
        int64_t growth = row->value[tracked->is->value];
        struct lp_suspect booking = {.place = lp_place_of(row->stack),
                                     .resource = resource,
                                     .growth = growth,
                                     .biggest = growth,
                                     .variance = row->variance[tracked->is->value],
                                     .stack = row->stack,
                                     .busy_stack = row->stack};
        const struct lp_row *first = same_row(from, &before, row),
                            *last = same_row(to, &after, row);
        if (lp_heap_of(diff)) {
            book_heap(&booking, diff, row, first, last);
        } else {
            booking.more = exact(tracked, last);
            booking.less = exact(tracked, first);
        }
        ranking->total[resource] += growth;
        variance += booking.variance;
        rc = lp_book_one(ranking, &booking);
    }
    ranking->total_error[resource] = sqrt(variance);
    return rc;
}

int lp_book(struct lp_ranking *ranking, int resource)
{
    int p = ranking->tracked[resource].profile;
    struct lp_profile *diff = lp_profile_diff(ranking->from->profiles[p], ranking->to->profiles[p]);
    int rc = diff ? book_rows(ranking, resource, diff) : -ENOMEM;

    lp_profile_free(diff);
    return rc;
}
