/*
 * Power and false alarms of the verdicts. Each shape is played with many seeds, exact and sampled,
 * with 7 to 64 snapshots, and judged by profiler/judge/ as a place of the heap would be.
 */
#include "simulate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "judge/verdict.h"

enum { RATE = 512 << 10, EXACT_SIZE = 400, SAMPLED_SIZE = 64 << 10, OUTCOMES = 16 };

static size_t runs = 1000;

/* A heap's figures at one snapshot, in bytes. */
struct figures {
    double inuse, came, live; /* the latter two in recorded blocks */
};

/* Every block is recorded or not; of a leak, as many as were asked for are. */
static void record(struct play *play, const struct shape *shape)
{
    size_t n = 0;
    for (size_t i = 0; i < play->n; i++) {
        bool counted = shape->is != HEALTHY && play->blocks[i].death == HUGE_VAL;
        if (counted || play->chance >= 1 || uniform(play) < play->chance)
            play->blocks[n++] = play->blocks[i];
    }
    play->n = n;
}

/* The first snapshot at or after this time. `snapshots` if there is none. */
static size_t first_at(double time, size_t snapshots)
{
    double at = ceil(time * (double)(snapshots - 1));
    return at <= 0 ? 0 : at > (double)(snapshots - 1) ? snapshots : (size_t)at;
}

static void measure(const struct play *play, size_t snapshots, struct figures *figures)
{
    double p = play->chance, weight = (p < 1 ? SAMPLED_SIZE : EXACT_SIZE) / p;

    memset(figures, 0, snapshots * sizeof *figures);
    for (size_t i = 0; i < play->n; i++) {
        size_t birth = first_at(play->blocks[i].birth, snapshots),
               death = first_at(play->blocks[i].death, snapshots);
        if (birth == snapshots)
            continue;
        figures[birth].came++;
        figures[birth].live++;
        if (death < snapshots)
            figures[death].live--;
    }
    for (size_t k = 0; k < snapshots; k++) {
        if (k > 0) {
            figures[k].came += figures[k - 1].came;
            figures[k].live += figures[k - 1].live;
        }
        figures[k].inuse = figures[k].live * weight;
    }
}

static const char *judged(const struct play *play, size_t snapshots)
{
    struct figures figures[LP_TREND_POINTS];
    struct lp_point points[LP_TREND_POINTS];
    struct lp_judgement judgement;

    measure(play, snapshots, figures);
    for (size_t k = 0; k < snapshots; k++) {
        double time = (double)k / (double)(snapshots - 1);
        points[k] = (struct lp_point){.seconds = time * 60,
                                      .work = load_until(play, time) * 1000,
                                      .value = figures[k].inuse,
                                      .things = figures[k].live};
    }
    const struct figures *from = &figures[0], *to = &figures[snapshots - 1];
    double net = to->live - from->live, came = to->came - from->came,
           gone = fmin(came - net, from->live);
    lp_judge(&judgement, points, snapshots, &(struct lp_flow){net + gone, gone});
    if (net <= 0)
        return "not listed";
    static const char *const whys[] = {"snapshots", "events", "steps", "chance",
                                       "slowing",   "pace",   "load"};
    if (judgement.verdict == LP_TOO_EARLY)
        return whys[judgement.why];
    return lp_verdict_name(judgement.verdict);
}

/* How many of the runs end with each verdict. */
struct tally {
    const char *verdict;
    size_t n;
};

static void count(struct tally *tally, const char *verdict)
{
    while (tally->verdict && strcmp(tally->verdict, verdict) != 0)
        tally++;
    tally->verdict = verdict;
    tally->n++;
}

static double share_of(const struct tally *tally, const char *verdict)
{
    for (; tally->verdict; tally++)
        if (strcmp(tally->verdict, verdict) == 0)
            return (double)tally->n / (double)runs;
    return 0;
}

static void play_runs(const struct shape *shape, bool exact, size_t snapshots, double events,
                      struct tally tally[OUTCOMES])
{
    struct play play = {0};

    memset(tally, 0, OUTCOMES * sizeof *tally);
    for (size_t run = 0; run < runs; run++) {
        play = (struct play){.seed = run * 1000003 + snapshots,
                             .chance = exact ? 1 : -expm1(-(double)SAMPLED_SIZE / RATE),
                             .blocks = play.blocks,
                             .capacity = play.capacity};
        shape->fill(&play, events);
        record(&play, shape);
        count(tally, judged(&play, snapshots));
    }
    free(play.blocks);
}

static const size_t lengths[] = {7, 13, 33, 64};
enum { LENGTHS = sizeof lengths / sizeof *lengths };

/* One line: the share of "leaking" by number of snapshots, and all verdicts at 33 snapshots. */
static void write_line(const struct shape *shape, bool exact, double events)
{
    struct tally tally[OUTCOMES];

    printf("%s\t%s\t%.0f", shape->name, exact ? "exact" : "sampled", events);
    for (size_t i = 0; i < LENGTHS; i++) {
        play_runs(shape, exact, lengths[i], events, tally);
        printf("\t%.2f", 100 * share_of(tally, "leaking"));
    }
    play_runs(shape, exact, 33, events, tally);
    printf("\t");
    for (struct tally *t = tally; t->verdict; t++)
        printf("%s%s %.1f", t > tally ? ", " : "", t->verdict, 100 * share_of(tally, t->verdict));
    printf("\n");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static const double leak_events[] = {6, 8, 12, 16, 24, 48}, other[] = {12, 60};

    if (argc > 1)
        runs = (size_t)atol(argv[1]);
    const char *only = argc > 2 ? argv[2] : "";
    printf("shape\tfigures\tevents\tat 7\tat 13\tat 33\tat 64\tverdicts at 33\n");
    for (size_t i = 0; i < nshapes; i++) {
        const double *events = shapes[i].is == LEAKING ? leak_events : other;
        size_t n = shapes[i].is == LEAKING ? 6 : 2;
        if (!strstr(shapes[i].name, only))
            continue;
        for (int exact = 1; exact >= 0; exact--)
            for (size_t k = 0; k < n; k++)
                write_line(&shapes[i], exact, events[k]);
    }
}
