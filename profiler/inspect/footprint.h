/*
 * What the profiler itself uses: memory by table, the size of its tables, its losses, and the time
 * that its hooks took. Any thread.
 */
#ifndef LP_INSPECT_FOOTPRINT_H
#define LP_INSPECT_FOOTPRINT_H

#include <stdbool.h>
#include <stdint.h>

#include "sys/losses.h"
#include "sys/pages.h"
#include "record/hooktime.h"

struct lp_footprint {
    bool taken;
    int64_t tables[LP_OWN_COUNT]; /* bytes, mapped outside malloc */
    int64_t unwinder;             /* bytes of the unwinder's caches (included above) */
    int64_t heap;                 /* bytes that its threads hold on the malloc heap */
    int64_t live_samples, stacks, sites;
    uint64_t losses[LP_LOSS_COUNT];
    struct lp_hooktime spent;
};

struct lp_footprint lp_footprint_now(void);

/* Bytes of all tables and of the unwinder's caches. */
int64_t lp_footprint_mapped(const struct lp_footprint *footprint);

#endif
