/* The shapes: what programs do at one place, with a leak and without. */
#include "simulate.h"

#include <math.h>
#include <stdlib.h>

double uniform(struct play *play)
{
    uint64_t x = play->seed += 0x9e3779b97f4a7c15u; /* splitmix64 */
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return ((double)((x ^ x >> 31) >> 11) + 0.5) * 0x1p-53;
}

double between(struct play *play, double low, double high)
{
    return low + (high - low) * uniform(play);
}

double normal(struct play *play)
{
    return sqrt(-2 * log(uniform(play))) * cos(2 * M_PI * uniform(play));
}

static const double burst = 0.3; /* the share of the time in which there is load */

static double exponential(struct play *play, double mean)
{
    return -mean * log(uniform(play));
}

double load_until(const struct play *play, double time)
{
    if (play->bursts > 0) {
        double turns = time * play->bursts, into = turns - floor(turns);
        return (floor(turns) + fmin(into / burst, 1)) / play->bursts;
    }
    double turn = 2 * M_PI * play->cycles, at = 2 * M_PI * play->phase;
    if (turn == 0)
        return time;
    return time + play->swing * (cos(at) - cos(turn * time + at)) / turn;
}

static double load_at(const struct play *play, double time)
{
    return 1 + play->swing * sin(2 * M_PI * (play->cycles * time + play->phase));
}

static struct block *add(struct play *play, double birth, double death)
{
    if (play->n == play->capacity) {
        play->capacity = 2 * play->capacity + 64;
        play->blocks = realloc(play->blocks, play->capacity * sizeof *play->blocks);
        if (!play->blocks)
            abort();
    }
    play->blocks[play->n] = (struct block){birth, death};
    return &play->blocks[play->n++];
}

static size_t whole(double x)
{
    return x > 0 ? (size_t)ceil(x) : 0;
}

/* Arrivals at a rate that follows the load, with lifetimes of this mean; in a steady state. */
static void arrivals(struct play *play, double rate, double lifetime)
{
    double peak = rate * (1 + play->swing), time = -12 * lifetime;

    while ((time += exponential(play, 1 / peak)) < 1)
        if (uniform(play) * (1 + play->swing) < load_at(play, time))
            add(play, time, time + exponential(play, lifetime));
}

/* Blocks that stay, as many as are recorded, at times that follow the load. */
static void leaks(struct play *play, double events)
{
    for (size_t left = whole(events); left > 0;) {
        double time = uniform(play);
        if (uniform(play) * (1 + play->swing) < load_at(play, time)) {
            add(play, time, HUGE_VAL);
            left--;
        }
    }
}

static void day(struct play *play)
{
    play->swing = between(play, 0.3, 0.9);
    play->cycles = between(play, 0.5, 3);
    play->phase = uniform(play);
}

/* ---- without a leak ---- */

static void plateau(struct play *play, double events)
{
    for (size_t i = 0; i < whole(3 * events); i++)
        add(play, -1, HUGE_VAL);
    arrivals(play, 4 * events / play->chance, 0.002);
}

static void sawtooth(struct play *play, double events)
{
    double period = between(play, 0.08, 0.6), start = uniform(play) * period,
           rate = 2 * events / period / play->chance, time = -1;

    while ((time += exponential(play, 1 / rate)) < 1)
        add(play, time, start + (floor((time - start) / period) + 1) * period);
}

/* The oldest entry makes room for the newest. */
static void queue(struct play *play, double events)
{
    double capacity = floor(2 * events / play->chance), age = between(play, 0.05, 2);
    double time = -age * 2, *births = calloc(4096, sizeof *births);
    size_t n = 0, room = 4096;

    while (births && (time += exponential(play, age / capacity)) < 1) {
        if (n == room) {
            double *more = realloc(births, 2 * room * sizeof *births);
            if (!more)
                abort();
            births = more;
            room *= 2;
        }
        births[n++] = time;
    }
    for (size_t i = 0; i < n; i++)
        add(play, births[i], i + (size_t)capacity < n ? births[i + (size_t)capacity] : HUGE_VAL);
    free(births);
}

/* A random entry makes room for the newest. */
static void cache(struct play *play, double events)
{
    size_t capacity = (size_t)(2 * events / play->chance), room = play->n;
    double turnover = between(play, 0.5, 20);

    for (size_t i = 0; i < capacity; i++)
        add(play, -1, HUGE_VAL);
    size_t *slots = calloc(capacity + 1, sizeof *slots);
    for (size_t i = 0; slots && i < capacity; i++)
        slots[i] = room + i;
    for (double time = 0;
         slots && (time += exponential(play, 1 / turnover / (double)capacity)) < 1;) {
        size_t i = (size_t)(uniform(play) * (double)capacity);
        play->blocks[slots[i]].death = time;
        slots[i] = play->n;
        add(play, time, HUGE_VAL);
    }
    free(slots);
}

static void sessions(struct play *play, double events)
{
    double lifetime = between(play, 1, 8);
    arrivals(play, 2 * events / play->chance, lifetime);
}

static void churn(struct play *play, double events)
{
    arrivals(play, 40 * events / play->chance, between(play, 0.001, 0.04));
}

/* What is held follows the load. */
static void daily(struct play *play, double events)
{
    day(play);
    arrivals(play, 20 * events / play->chance, between(play, 0.01, 0.2));
}

static void bursts(struct play *play, double events)
{
    for (double time = -1; (time += exponential(play, 0.05)) < 1;) {
        double end = time + exponential(play, 0.1);
        for (size_t i = whole(between(play, 0.2, 2) * events / play->chance / 4); i > 0; i--)
            add(play, time + between(play, 0, 0.01), fmax(end, time + 0.01));
    }
}

/* A random walk: each event makes or releases a batch. */
static void walk(struct play *play, size_t steps, double batch)
{
    size_t n = 0,
           *stack = calloc(4 * steps + (size_t)((double)steps * batch * 8) + 64, sizeof *stack);

    for (size_t i = 0; stack && i < whole((double)steps * batch); i++) {
        stack[n++] = play->n;
        add(play, -1, HUGE_VAL);
    }
    for (size_t i = 0; stack && i < steps; i++) {
        double time = ((double)i + uniform(play)) / (double)steps;
        size_t size = batch > 1 ? whole(fabs(normal(play)) * batch) : 1;
        if (uniform(play) < 0.5) {
            for (; size > 0; size--) {
                stack[n++] = play->n;
                add(play, time, HUGE_VAL);
            }
        } else {
            for (; size > 0 && n > 0; size--) {
                size_t k = (size_t)(uniform(play) * (double)n);
                play->blocks[stack[k]].death = time;
                stack[k] = stack[--n];
            }
        }
    }
    free(stack);
}

static void drift(struct play *play, double events)
{
    walk(play, (size_t)(4 * events / play->chance), 1);
}

static void drift_in_batches(struct play *play, double events)
{
    walk(play, (size_t)between(play, 20, 200), ceil(events / 8 / play->chance));
}

/* Tables that double while the program starts, and a few blocks that are allocated once. */
static void start(struct play *play, double events)
{
    double time = between(play, 0, 0.2);
    for (size_t size = 1; size < whole(events / play->chance); size *= 2) {
        double next = time + between(play, 0.01, 0.2);
        for (size_t i = 0; i < size; i++)
            add(play, time, 2 * size < whole(events / play->chance) ? next : HUGE_VAL);
        time = next;
    }
}

/* ---- leaks ---- */

static void one_in_a_thousand(struct play *play, double events)
{
    leaks(play, events);
}

static void steady(struct play *play, double events)
{
    for (size_t i = 0; i < whole(events); i++)
        add(play, ((double)i + uniform(play)) / events, HUGE_VAL);
}

/* Errors come in four episodes, each a tenth of the window long. */
static void errors(struct play *play, double events)
{
    double start[4];

    for (int i = 0; i < 4; i++)
        start[i] = (i + between(play, 0, 0.6)) / 4;
    for (size_t i = 0; i < whole(events); i++)
        add(play, start[(int)(uniform(play) * 4)] + uniform(play) * 0.1, HUGE_VAL);
}

static void bursty(struct play *play, double events)
{
    play->bursts = 10;
    for (size_t i = 0; i < whole(events); i++)
        add(play, (floor(uniform(play) * 10) + uniform(play) * burst) / 10, HUGE_VAL);
}

static void by_day(struct play *play, double events)
{
    day(play);
    leaks(play, events);
}

/* So many threads end, and each leaves a few blocks behind. */
static void threads(struct play *play, double events)
{
    for (size_t i = 0; i < whole(events); i++) {
        double time = uniform(play);
        for (size_t n = 1 + (size_t)(uniform(play) * 3); n > 0; n--)
            add(play, time, HUGE_VAL);
    }
}

/* The same line allocates much that is released at once. */
static void beside_churn(struct play *play, double events)
{
    arrivals(play, 20 * events / play->chance, 0.002);
    leaks(play, events);
}

static void beside_sessions(struct play *play, double events)
{
    arrivals(play, events / play->chance, 0.3);
    leaks(play, events);
}

/* ---- a cache that fills, and never releases anything: 0.3 to 3 time constants ---- */

static void fills(struct play *play, double events, double constants)
{
    for (size_t i = 0; i < whole(events); i++)
        add(play, -log(1 - uniform(play) * (1 - exp(-constants))) / constants, HUGE_VAL);
}

#define FILLING(name, constants)                                                                   \
    static void name(struct play *play, double events)                                             \
    {                                                                                              \
        fills(play, events, constants);                                                            \
    }
FILLING(fills_03, 0.3)
FILLING(fills_06, 0.6)
FILLING(fills_1, 1)
FILLING(fills_15, 1.5)
FILLING(fills_2, 2)
FILLING(fills_3, 3)

const struct shape shapes[] = {
    {"plateau", "what is held stays, with short work on top", HEALTHY, plateau},
    {"sawtooth", "fills and is emptied, 2 to 12 times a window", HEALTHY, sawtooth},
    {"queue", "a bounded cache, the oldest entry goes", HEALTHY, queue},
    {"cache", "a bounded cache, a random entry goes", HEALTHY, cache},
    {"sessions", "lifetimes of one to eight windows", HEALTHY, sessions},
    {"churn", "much is allocated, little is held", HEALTHY, churn},
    {"daily load", "what is held follows the load", HEALTHY, daily},
    {"bursts", "work in bursts", HEALTHY, bursts},
    {"drift", "a random walk, block by block", HEALTHY, drift},
    {"drift in batches", "a random walk in batches", HEALTHY, drift_in_batches},
    {"start-up", "tables double, then stay", HEALTHY, start},
    {"steady leak", "the same with each request", LEAKING, steady},
    {"one in 1,000", "one request in 1,000 leaks", LEAKING, one_in_a_thousand},
    {"rare errors", "four episodes of errors", LEAKING, errors},
    {"leak in bursts", "ten bursts a window", LEAKING, bursty},
    {"leak by daily load", "the load rises and falls", LEAKING, by_day},
    {"short threads", "each thread leaves one to three blocks behind", LEAKING, threads},
    {"leak beside churn", "20 blocks in flight for each that stays", LEAKING, beside_churn},
    {"leak beside sessions", "and as many come and go", LEAKING, beside_sessions},
    {"fills 0.3", "a cache that fills: 0.3 time constants", FILLING, fills_03},
    {"fills 0.6", "0.6 time constants", FILLING, fills_06},
    {"fills 1", "1 time constant", FILLING, fills_1},
    {"fills 1.5", "1.5 time constants", FILLING, fills_15},
    {"fills 2", "2 time constants", FILLING, fills_2},
    {"fills 3", "3 time constants", FILLING, fills_3},
};
const size_t nshapes = sizeof shapes / sizeof *shapes;
