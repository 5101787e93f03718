/* The sentences about a suspect. */
#include <math.h>

#include "judge/distributions.h"
#include "profile/kinds.h"
#include "profile/store.h"
#include "write/human.h"
#include "write/suspects.h"

static const struct lp_resource *resource_of(const struct lp_ranking *ranking,
                                             const struct lp_suspect *s)
{
    return ranking->tracked[s->resource].is;
}

void lp_suspect_pace(char out[LP_REASON_MAX], const struct lp_ranking *ranking,
                     const struct lp_suspect *s)
{
    static const struct {
        double seconds;
        const char *name;
    } units[] = {{86400, "days"}, {3600, "hours"}, {60, "minutes"}, {0, "seconds"}};
    double pace = (double)s->growth / ranking->seconds;
    double left = (double)(ranking->limit[s->resource] - ranking->used[s->resource]) / pace;
    char limit[LP_HUMAN_MAX];
    int u = 0;

    lp_human(limit, ranking->limit[s->resource], resource_of(ranking, s)->unit, false);
    if (!(pace > 0) || !(left > 0)) {
        snprintf(out, LP_REASON_MAX, "the limit is %s", limit);
        return;
    }
    while (left < 2 * units[u].seconds)
        u++;
    double shown = left / (units[u].seconds > 0 ? units[u].seconds : 1);
    snprintf(out, LP_REASON_MAX, "at this pace the limit of %s is reached in %.*f %s", limit,
             shown < 10, shown, units[u].name);
}

/* Compares the last third with the first two. */
static void write_thirds(FILE *out, const struct lp_judgement *judgement)
{
    const struct lp_pace *pace = &judgement->by_work;

    if (pace->early > 0)
        fprintf(out, "in the last third of the work, growth was at %.0f %% of the earlier rate",
                fmax(100 * pace->late / pace->early, 0));
    else
        fputs("there was no growth in the first two thirds of the work", out);
}

static void write_steps(FILE *out, const struct lp_judgement *judgement)
{
    fprintf(out, "it grew in %zu of %zu intervals", judgement->grew_in, judgement->intervals);
    if (judgement->fell_in > 0)
        fprintf(out, " and fell in %zu", judgement->fell_in);
}

/* "0.3 %", or "0.01 %" for anything smaller. */
static void write_chance(FILE *out, double chance)
{
    fprintf(out, "the chance of such growth without a leak is ");
    if (chance < 0.0001)
        fputs("below 0.01 %", out);
    else
        fprintf(out, "%.*f %%", chance < 0.01 ? 2 : chance < 0.1 ? 1 : 0, 100 * chance);
}

static void write_leaking(FILE *out, const struct lp_ranking *ranking, const struct lp_suspect *s)
{
    char age[LP_HUMAN_MAX], before[LP_HUMAN_MAX];

    write_steps(out, &s->judgement);
    fputs("; ", out);
    write_chance(out, s->judgement.chance);
    fputs("; ", out);
    write_thirds(out, &s->judgement);
    if (s->survivors && s->median_before_ns >= 0)
        fprintf(out, "; the median age of the survivors is %s, and was %s halfway",
                lp_human_age(age, s->age.median_ns), lp_human_age(before, s->median_before_ns));
    if (lp_ranks_heap(ranking, s) && s->freed == 0)
        fputs("; nothing that was allocated here was freed in the window: a cache that is still "
              "filling looks the same, and cannot be told from a leak by growth alone",
              out);
}

/* A rate at which as many samples come as a verdict needs. 0: it is exact already. */
static int64_t finer_rate(const struct lp_ranking *ranking, const struct lp_suspect *s)
{
    double needed = 16, bytes = ranking->rate * fmax(s->more.blocks - s->less.blocks, 1) / needed;
    int64_t rate = 1;

    if (!lp_ranks_heap(ranking, s) || ranking->rate <= 1)
        return 0;
    while ((double)rate * 2 <= bytes)
        rate *= 2;
    return rate;
}

static void write_events(FILE *out, const struct lp_ranking *ranking, const struct lp_suspect *s)
{
    const double events = fmax(s->more.blocks - s->less.blocks, 1);
    int64_t rate = finer_rate(ranking, s);

    if (lp_ranks_heap(ranking, s))
        fprintf(out, "growth is %.0f %s%s, too few to rule out chance", events,
                rate > 0 ? "sample" : "block", events < 1.5 ? "" : "s");
    else
        fprintf(out, "growth of %.0f is too little to rule out chance", events);
    fprintf(out, ": repeat it with %.0f times the load", ceil(fmax(16 / events, 2)));
    if (rate > 0)
        fprintf(out, ", or at a finer rate: PUT /debug/rate?bytes=%lld", (long long)rate);
}

static void write_too_early(FILE *out, const struct lp_ranking *ranking, const struct lp_suspect *s)
{
    const struct lp_judgement *judgement = &s->judgement;

    switch (judgement->why) {
    case LP_WHY_SNAPSHOTS:
        fprintf(out,
                "%zu snapshots under load are too few to tell a leak from a warm-up: take %zu more "
                "under the same load",
                judgement->snapshots, judgement->more);
        break;
    case LP_WHY_EVENTS:
        write_events(out, ranking, s);
        break;
    case LP_WHY_STEPS:
        write_steps(out, judgement);
        fprintf(out,
                ": growth in fewer than %zu may be a few one-time allocations. Repeat it with more "
                "snapshots under a longer load",
                judgement->steps_needed);
        break;
    case LP_WHY_CHANCE:
        write_steps(out, judgement);
        fputs("; ", out);
        write_chance(out, judgement->chance);
        fputs(": repeat it with twice the load and twice the snapshots", out);
        break;
    case LP_WHY_SLOWING:
        write_thirds(out, judgement);
        fputs(": it slows down like a cache that fills, but has not stopped. Continue the load",
              out);
        break;
    case LP_WHY_PACE:
        fputs("growth per unit of work is slowing, growth per second is not: repeat it under a "
              "steady load",
              out);
        break;
    case LP_WHY_LOAD:
        fputs(
            "the load rose in the window, and what is held here rose as it did: repeat it under a "
            "steady load",
            out);
        break;
    }
}

static void write_stopped(FILE *out, const struct lp_judgement *judgement)
{
    fprintf(out, "it grew, and no more in the last %.0f %% of the work, and ",
            100 * judgement->by_work.since);
    if (judgement->fall > 0)
        fprintf(out, "%.0f %% of it was given back", fmax(100 * judgement->fall, 1));
    else
        fputs("nothing was given back", out);
    fputs(": a cache that is full, a path that is no longer called, or a budget that is used up",
          out);
}

static void write_unused(FILE *out, const struct lp_unused *unused)
{
    char trim[LP_HUMAN_MAX];

    if (unused->trimmable >= 0)
        fprintf(out, "; malloc_trim() would give back about %s",
                lp_human(trim, unused->trimmable, "bytes", false));
    fputs("; most of what was freed meanwhile was allocated here", out);
}

void lp_suspect_reason(char text[LP_REASON_MAX], const struct lp_ranking *ranking,
                       const struct lp_suspect *s)
{
    FILE *out = fmemopen(text, LP_REASON_MAX, "w");
    char now[LP_HUMAN_MAX];

    text[0] = '\0';
    if (!out)
        return;
    switch (s->judgement.verdict) {
    case LP_LEAKING:
        write_leaking(out, ranking, s);
        break;
    case LP_TOO_EARLY:
        write_too_early(out, ranking, s);
        break;
    case LP_WARMING_UP:
        fputs("growth is slowing: ", out);
        write_thirds(out, &s->judgement);
        break;
    case LP_STOPPED:
        write_stopped(out, &s->judgement);
        break;
    case LP_HIGH_WATER:
        fprintf(out,
                "malloc keeps %s in memory that are not in use, and that does not grow steadily",
                lp_human(now, ranking->to->unused.bytes, "bytes", false));
        break;
    case LP_CHURN:
        fputs("it goes up and down: ", out);
        write_steps(out, &s->judgement);
        break;
    }
    if (ranking->tracked[s->resource].profile == LP_UNUSED)
        write_unused(out, &ranking->to->unused);
    fclose(out);
    text[LP_REASON_MAX - 1] = '\0';
}

/* Without a rate, of the whole window or of a part of it, nothing can be said. */
static bool write_unrecorded(char out[LP_REASON_MAX], const struct lp_ranking *ranking)
{
    if (lp_suspects_note(ranking))
        snprintf(out, LP_REASON_MAX,
                 "heap allocations were not recorded, so no growth of the heap is seen");
    else if (ranking->unrecorded > 0)
        snprintf(out, LP_REASON_MAX,
                 "for %.1f of the %.1f seconds the sampling rate was 0, so heap growth was not "
                 "seen: repeat it with a rate, for example PUT /debug/rate?bytes=524288",
                 ranking->unrecorded, ranking->seconds);
    else
        return false;
    return true;
}

void lp_suspects_limit(char out[LP_REASON_MAX], const struct lp_ranking *ranking)
{
    double events = ceil(-log2(ranking->listed));
    char one[LP_HUMAN_MAX], many[LP_HUMAN_MAX];

    if (write_unrecorded(out, ranking))
        return;
    if (ranking->rate <= 0) {
        snprintf(out, LP_REASON_MAX,
                 "every allocation was recorded: steady growth by %.0f blocks at one place would "
                 "be a suspect",
                 events);
        return;
    }
    lp_human(one, llround(lp_estimate_unseen(ranking->rate, LP_OUTSIDE)), "bytes", false);
    lp_human(many, llround(lp_gamma_quantile(events, 1 - LP_OUTSIDE) * ranking->rate), "bytes",
             false);
    snprintf(out, LP_REASON_MAX,
             "growth above %s at one place would have been seen, and steady growth above %s would "
             "be a suspect, with 95 %% confidence",
             one, many);
}

const char *lp_suspects_note(const struct lp_ranking *ranking)
{
    const struct lp_profile *heap = lp_snapshot_profile(ranking->to, &lp_heap_kind);
    return heap ? heap->note : NULL;
}
