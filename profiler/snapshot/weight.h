/*
 * What the profiler itself weighs: its memory by table, what it holds, what it lost, and the time
 * it took from the program's threads. Any thread.
 */
#ifndef LP_SNAPSHOT_WEIGHT_H
#define LP_SNAPSHOT_WEIGHT_H

#include <stdbool.h>
#include <stdint.h>

#include "tables/losses.h"
#include "tables/own.h"
#include "tables/spent.h"

struct lp_weight {
    bool taken;
    int64_t tables[LP_OWN_COUNT]; /* bytes, mapped outside malloc */
    int64_t unwinder;             /* bytes of the unwinder's caches, the same */
    int64_t heap;                 /* bytes that its own threads hold of malloc's memory */
    int64_t live_samples, stacks, sites;
    uint64_t losses[LP_LOSS_COUNT];
    struct lp_spent spent;
};

struct lp_weight lp_weight_now(void);

/* Bytes of all tables and of the unwinder's caches. */
int64_t lp_weight_mapped(const struct lp_weight *weight);

#endif
