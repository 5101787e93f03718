/*
 * Each row of the difference between the first and the last snapshot is booked at its place
 * (judge/booking.h): the guilty frame of its stack, or the caller that explains the growth better
 * (judge/callers.h). All bookings are sorted by place, and those of one place are added up. Places
 * that grew or are busy are candidates. They are followed through the series and judged
 * (judge/follow.h). If its growth is unlikely by chance, a candidate is a suspect. How unlikely
 * depends on how many were tested (judge/discoveries.h). Suspects are ranked by verdict and by the
 * share of the limit that their growth used up.
 *
 * A stack that shrank counts against the others at its place: if work only moves from one caller to
 * another, the place has not grown.
 *
 * Ages are looked up only for candidates. A place's ages are those of all its stacks together.
 *
 * Unused memory of malloc has no rows. It is booked on the place that had most of what was freed in
 * the window.
 */
#include "judge/ranking.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "judge/booking.h"
#include "judge/callers.h"
#include "judge/discoveries.h"
#include "judge/follow.h"
#include "profile/heap.h"
#include "judge/limits.h"

/* The order of verdicts: leaking comes first. */
static int by_rank(const void *x, const void *y)
{
    const struct lp_suspect *a = x, *b = y;

    if (a->judgement.verdict != b->judgement.verdict)
        return a->judgement.verdict < b->judgement.verdict ? -1 : 1;
    if (a->share != b->share)
        return a->share > b->share ? -1 : 1;
    return lp_by_place(a, b);
}

static void add_up(struct lp_ranking *ranking)
{
    size_t n = 0;

    if (ranking->n == 0)
        return;
    qsort(ranking->suspects, ranking->n, sizeof(*ranking->suspects), lp_by_place);
    for (size_t i = 1; i < ranking->n; i++) {
        struct lp_suspect *sum = &ranking->suspects[n], *next = &ranking->suspects[i];
        if (lp_by_place(sum, next) != 0) {
            ranking->suspects[++n] = *next;
            continue;
        }
        sum->growth += next->growth;
        sum->variance += next->variance;
        lp_estimate_add(&sum->more, &next->more);
        lp_estimate_add(&sum->less, &next->less);
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

static bool is_busy(const struct lp_suspect *s)
{
    return s->allocated >= LP_CHURN_FLOOR_BYTES && s->growth <= s->allocated / LP_CHURN_KEPT;
}

static bool is_unused(const struct lp_ranking *ranking, const struct lp_suspect *s)
{
    return ranking->tracked[s->resource].profile == LP_UNUSED;
}

/* malloc holds much for little use, though the gap does not grow. */
static bool is_high(const struct lp_ranking *ranking)
{
    int64_t inuse = lp_profile_total(ranking->to->profiles[LP_HEAP], LP_INUSE_BYTES, NULL);
    return ranking->to->unused.bytes >= LP_HIGH_WATER_BYTES && ranking->to->unused.bytes >= inuse;
}

static bool unused_grew(const struct lp_suspect *s)
{
    return s->growth >= LP_UNUSED_FLOOR && (double)s->growth > 3 * sqrt(s->variance);
}

/* Unused memory is exact, less the heap in use, which is not. */
static struct lp_interval normal_interval(double value, double error)
{
    return (struct lp_interval){value - 1.96 * error, value + 1.96 * error};
}

/* What could not pass whatever happened is not tested (Tarone; see judge/heights.h). */
static bool is_testable(const struct lp_suspect *s)
{
    return pow(0.5, s->more.blocks + s->less.blocks) <= LP_SUSPECT_WRONG;
}

/* Places that shrank were tested, too: they could have grown. The booking of unused memory comes
 * last, which is its place in the order, too. */
static void keep_candidates(struct lp_ranking *ranking)
{
    int unused = ranking->nresources - 1;
    struct lp_suspect freed = {.freed = 0};
    size_t n = 0;

    for (size_t i = 0; i < ranking->n; i++) {
        const struct lp_suspect *s = &ranking->suspects[i];
        if (s->freed > freed.freed)
            freed = *s;
        ranking->tested += is_testable(s);
        if (s->growth > 0 || is_busy(s))
            ranking->suspects[n++] = *s;
    }
    ranking->n = n;
    if (!freed.place || ranking->missing[unused])
        return;
    struct lp_suspect *s = &ranking->suspects[n]; /* there is room, see lp_rank() */
    *s = (struct lp_suspect){.place = lp_place_of(freed.busy_stack),
                             .resource = unused,
                             .growth = ranking->total[unused],
                             .variance = pow(ranking->total_error[unused], 2),
                             .stack = freed.busy_stack};
    s->interval = normal_interval((double)s->growth, ranking->total_error[unused]);
    if (unused_grew(s) || is_high(ranking))
        ranking->n++;
}

/* Looks up the survivors at each candidate's place. Candidates are sorted by place. */
static struct lp_age_sum *ages_in(const struct lp_ranking *ranking, const struct lp_profile *heap)
{
    struct lp_age_sum *sums = calloc(ranking->n + 1, sizeof(*sums));

    for (size_t i = 0; sums && ranking->n > 0 && i < heap->nrows; i++) {
        if (i > 0 && heap->rows[i].stack == heap->rows[i - 1].stack)
            continue;
        size_t at = lp_candidate(ranking, LP_HEAP, heap->rows[i].stack);
        if (at < ranking->n)
            lp_ages_add(lp_heap_of(heap)->ages, heap->rows[i].stack, &sums[at]);
    }
    return sums;
}

/* Ages are kept in buckets, whose width is at most a quarter of the age. A block from the very
 * beginning of the window may be in a bucket that begins before the window. */
static int add_ages(struct lp_ranking *ranking)
{
    const struct lp_series *series = ranking->series;
    const struct lp_snapshot *halfway = series->at[series->n / 2];
    struct lp_age_sum *sums = ages_in(ranking, ranking->to->profiles[LP_HEAP]);
    struct lp_age_sum *before = ages_in(ranking, halfway->profiles[LP_HEAP]);
    int64_t window = ranking->to->uptime_ns - ranking->from->uptime_ns;
    struct lp_age age;

    for (size_t i = 0; sums && before && i < ranking->n; i++) {
        struct lp_suspect *s = &ranking->suspects[i];
        s->survivors = lp_age_of(&sums[i], &s->age);
        s->in_flight = s->survivors && s->growth <= s->allocated / LP_CHURN_IN_FLIGHT &&
                       lp_age_between(&sums[i], window / 10, window + window / 4) <= 0;
        s->median_before_ns =
            halfway != ranking->to && lp_age_of(&before[i], &age) ? age.median_ns : -1;
    }
    int rc = sums && before ? 0 : -ENOMEM;
    free(sums);
    free(before);
    return rc;
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

static void add_little(struct lp_ranking *ranking, const struct lp_suspect *s)
{
    size_t i = ranking->nlittle;

    if (i == LP_LITTLE_SHOWN) {
        const struct lp_suspect *left =
            s->share > ranking->little[i - 1].share ? &ranking->little[i - 1] : s;
        ranking->little_more++;
        ranking->little_growth += lp_ranks_heap(ranking, left) ? left->growth : 0;
        if (left == s)
            return;
        i--;
    } else {
        ranking->nlittle++;
    }
    for (; i > 0 && ranking->little[i - 1].share < s->share; i--)
        ranking->little[i] = ranking->little[i - 1];
    ranking->little[i] = *s;
}

static bool is_tested(const struct lp_ranking *ranking, const struct lp_suspect *s)
{
    return !is_unused(ranking, s) && s->growth > 0 && is_testable(s);
}

/* Judges each place by the chance that so many places leave to it. */
static int decide(struct lp_ranking *ranking)
{
    double *chances = calloc(ranking->n + 1, sizeof *chances);
    size_t n = 0;

    if (!chances)
        return -ENOMEM;
    for (size_t i = 0; i < ranking->n; i++)
        if (is_tested(ranking, &ranking->suspects[i]))
            chances[n++] = ranking->suspects[i].judgement.listing;
    ranking->listed = lp_discoveries(chances, n, ranking->tested, LP_SUSPECT_WRONG);
    n = 0;
    for (size_t i = 0; i < ranking->n; i++)
        if (is_tested(ranking, &ranking->suspects[i]))
            chances[n++] = ranking->suspects[i].judgement.chance;
    double leaking = lp_discoveries(chances, n, ranking->tested, LP_LEAKING_WRONG);
    for (size_t i = 0; i < ranking->n; i++)
        lp_decide(&ranking->suspects[i].judgement, fmin(leaking, LP_VERDICT_CHANCE));
    free(chances);
    return 0;
}

/* A place may have lost blocks that were not sampled, too. This is slow, so only places that are
 * shown have an interval. */
static void set_interval(const struct lp_ranking *ranking, struct lp_suspect *s)
{
    if (is_unused(ranking, s))
        return;
    if (lp_ranks_heap(ranking, s))
        s->more.rate = s->less.rate = ranking->rate;
    s->interval = lp_estimate_less(&s->more, &s->less, LP_OUTSIDE);
}

static bool surely_grew(const struct lp_ranking *ranking, struct lp_suspect *s, double by)
{
    set_interval(ranking, s);
    return s->interval.low > by;
}

/* Memory that grew by an eighth of what is held is listed, if it came in one block, too. */
static bool is_large(const struct lp_ranking *ranking, struct lp_suspect *s)
{
    const struct lp_tracked *tracked = &ranking->tracked[s->resource];
    double large = (double)ranking->held[s->resource] / LP_LARGE;

    return strcmp(tracked->is->unit, "bytes") == 0 && (double)s->growth > large &&
           surely_grew(ranking, s, large);
}

static void rank(struct lp_ranking *ranking)
{
    size_t n = 0;

    for (size_t i = 0; i < ranking->n; i++) {
        struct lp_suspect *s = &ranking->suspects[i];
        bool unused = is_unused(ranking, s);
        s->share = (double)s->growth / (double)ranking->limit[s->resource];
        if (unused && s->judgement.verdict != LP_LEAKING && s->judgement.more == 0)
            s->judgement.verdict = LP_HIGH_WATER;
        if (is_busy(s) && s->in_flight && s->judgement.verdict != LP_LEAKING)
            add_churn(ranking, s);
        else if (unused || (s->growth > 0 &&
                            (s->judgement.listing <= ranking->listed || is_large(ranking, s))))
            ranking->suspects[n++] = *s;
        else if (is_busy(s) && !surely_grew(ranking, s, 0))
            add_churn(ranking, s);
        else if (s->growth > 0)
            add_little(ranking, s);
    }
    ranking->n = n;
    for (size_t i = 0; i < n; i++)
        set_interval(ranking, &ranking->suspects[i]);
    for (size_t i = 0; i < ranking->nchurn; i++)
        set_interval(ranking, &ranking->churn[i]);
    for (size_t i = 0; i < ranking->nlittle; i++)
        set_interval(ranking, &ranking->little[i]);
    if (n > 0)
        qsort(ranking->suspects, n, sizeof(*ranking->suspects), by_rank);
}

static int book_all(struct lp_ranking *ranking)
{
    int rc = 0;

    for (int r = 0; rc == 0 && r < ranking->nresources; r++)
        if (ranking->tracked[r].profile != LP_UNUSED && !ranking->missing[r])
            rc = lp_book(ranking, r);
    return rc == 0 ? lp_find_callers(ranking) : rc;
}

/* A resource is judged only if its profile is in all snapshots. */
static const char *missing(const struct lp_ranking *ranking, const struct lp_tracked *tracked)
{
    for (size_t k = 0; k < ranking->series->n; k++) {
        const char *why = lp_tracked_missing(tracked, ranking->series->at[k]);
        if (why)
            return why;
    }
    return NULL;
}

int lp_rank(struct lp_ranking *ranking, const struct lp_series *series)
{
    struct lp_limits limits;

    memset(ranking, 0, sizeof(*ranking));
    lp_modules_refresh();
    lp_limits_read(&limits);
    ranking->series = series;
    ranking->from = series->at[0];
    ranking->to = series->at[series->n - 1];
    ranking->seconds = (double)(ranking->to->uptime_ns - ranking->from->uptime_ns) / 1e9;
    ranking->requests = ranking->to->figures.requests - ranking->from->figures.requests;
    ranking->rate = lp_coarsest_rate(ranking->from, ranking->to);
    ranking->unrecorded = lp_unrecorded(ranking->from, ranking->to);
    ranking->nresources = lp_resources(ranking->tracked);
    for (int r = 0; r < ranking->nresources; r++) {
        ranking->limit[r] = limits.at[ranking->tracked[r].is->bound];
        ranking->held[r] = lp_tracked_total(&ranking->tracked[r], ranking->to);
        ranking->used[r] = lp_tracked_used(&ranking->tracked[r], ranking->to);
        ranking->missing[r] = missing(ranking, &ranking->tracked[r]);
    }

    int rc = book_all(ranking), unused = ranking->nresources - 1;
    if (!ranking->missing[unused])
        ranking->total[unused] = ranking->to->unused.bytes - ranking->from->unused.bytes;
    ranking->total_error[unused] = ranking->total_error[LP_HEAP];
    if (rc == 0)
        rc = lp_book_one(ranking, &(struct lp_suspect){.place = NULL}); /* room for one more */
    if (rc == 0) {
        ranking->n--;
        add_up(ranking);
        keep_candidates(ranking);
        rc = add_ages(ranking);
    }
    if (rc == 0)
        rc = lp_follow(ranking);
    if (rc == 0)
        rc = decide(ranking);
    if (rc == 0)
        rank(ranking);
    return rc;
}

void lp_ranking_release(struct lp_ranking *ranking)
{
    free(ranking->suspects);
    free(ranking->moved);
}
