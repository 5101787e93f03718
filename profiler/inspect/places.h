/*
 * What addresses belong to: a row of the table of mappings, or the profiler. Each is a list of
 * ranges, sorted by address, for lookups. Profiler's thread only.
 */
#ifndef LP_INSPECT_PLACES_H
#define LP_INSPECT_PLACES_H

#include <stdbool.h>
#include <stdint.h>

#include "sys/array.h"
#include "record/ranges.h"

struct lp_places {
    struct lp_array ranges; /* struct lp_range */
};

/* Fill `places`, whatever was in it. 0 or -ENOMEM. Release it in both cases. One that is all zero
 * may be released, too. */
int lp_places_mapped(struct lp_places *places); /* as the table has them, with their stacks */
int lp_places_own(struct lp_places *places);    /* whole pages; start and length only */
void lp_places_release(struct lp_places *places);

/* The range that contains this address; *end is lowered to its end. NULL: there is none; *end is
 * lowered to the start of the next. */
const struct lp_range *lp_places_at(const struct lp_places *places, uintptr_t address,
                                    uintptr_t *end);

#endif
