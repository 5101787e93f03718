/* The sentences about a suspect. */
#include <math.h>

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
    if (judgement->early > 0)
        fprintf(out, "in the last third of the work, growth was at %.0f %% of the earlier rate",
                fmax(100 * judgement->late / judgement->early, 0));
    else
        fputs("there was no growth in the first two thirds of the work", out);
}

static void write_course(FILE *out, const struct lp_judgement *judgement)
{
    fprintf(out,
            "it grew in %zu of %zu intervals; the trend is upwards at %.1f %% confidence "
            "(Mann-Kendall); ",
            judgement->grew_in, judgement->intervals, floor(judgement->trend.rises * 1000) / 10);
    write_thirds(out, judgement);
}

static void write_leaking(FILE *out, const struct lp_suspect *s)
{
    char age[LP_HUMAN_MAX], before[LP_HUMAN_MAX];

    write_course(out, &s->judgement);
    if (s->survivors && s->median_before_ns >= 0)
        fprintf(out, "; the median age of the survivors is %s, and was %s halfway",
                lp_human_age(age, s->age.median_ns), lp_human_age(before, s->median_before_ns));
}

static void write_too_early(FILE *out, const struct lp_suspect *s)
{
    const struct lp_judgement *judgement = &s->judgement;

    if (judgement->more > 0) {
        fprintf(out,
                "%zu snapshots under load are too few to tell a leak from a warm-up: take %zu more "
                "under the same load",
                judgement->snapshots, judgement->more);
    } else if (judgement->dying_by_work) {
        fprintf(out,
                "growth per unit of work is slowing, growth per second is not: repeat it under a "
                "steady load");
    } else {
        write_course(out, judgement);
        fputs(judgement->grew_in < LP_VERDICT_STEPS
                  ? ": growth in so few steps may be a one-time allocation"
                  : ": repeat it with twice the load and twice the snapshots",
              out);
    }
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
        write_leaking(out, s);
        break;
    case LP_TOO_EARLY:
        write_too_early(out, s);
        break;
    case LP_WARMING_UP:
        fputs("growth is slowing: ", out);
        write_thirds(out, &s->judgement);
        break;
    case LP_HIGH_WATER:
        fprintf(out,
                "malloc keeps %s in memory that are not in use, and that does not grow steadily",
                lp_human(now, ranking->to->unused.bytes, "bytes", false));
        break;
    case LP_CHURN:
        fprintf(out, "it goes up and down: it grew in %zu of %zu intervals", s->judgement.grew_in,
                s->judgement.intervals);
        break;
    }
    if (ranking->tracked[s->resource].profile == LP_UNUSED)
        write_unused(out, &ranking->to->unused);
    fclose(out);
    text[LP_REASON_MAX - 1] = '\0';
}

const char *lp_suspects_note(const struct lp_ranking *ranking)
{
    const struct lp_profile *heap = lp_snapshot_profile(ranking->to, &lp_heap_kind);
    return heap ? heap->note : NULL;
}
