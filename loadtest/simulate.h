/*
 * What the judge is shown in a simulation: one place, as a list of blocks with the time of their
 * allocation and of their release. Times are in windows: the first snapshot is at 0, the last at 1.
 */
#ifndef LOADTEST_SIMULATE_H
#define LOADTEST_SIMULATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct block {
    double birth, death; /* HUGE_VAL: never released */
};

struct play {
    uint64_t seed;
    double chance;               /* that a block is recorded; 1: exact */
    double swing, cycles, phase; /* the load: 1 + swing * sin(2 pi (cycles * time + phase)) */
    double bursts;               /* or so many bursts */
    struct block *blocks;
    size_t n, capacity;
};

struct shape {
    const char *name, *about;
    enum { HEALTHY, LEAKING, FILLING } is;
    /* events: recorded allocations in the window that stay (of a leak), or its size */
    void (*fill)(struct play *play, double events);
};

extern const struct shape shapes[];
extern const size_t nshapes;

double uniform(struct play *play); /* 0 to 1, neither of them */
double between(struct play *play, double low, double high);
double normal(struct play *play);
double load_until(const struct play *play, double time); /* the work done since 0 */

#endif
