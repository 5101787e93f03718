/*
 * Which address belongs to a row of the table of mappings, and which to the profiler. Each is a
 * list of ranges, sorted by address, for look-ups. Profiler's thread only.
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

/* Fill `places`; earlier contents are ignored. 0 or -ENOMEM. Release it in both cases. A zeroed one
 * may be released too. */
int lp_places_mapped(struct lp_places *places); /* the table's rows, with their stacks */
int lp_places_own(struct lp_places *places);    /* whole pages; start and length only */
void lp_places_release(struct lp_places *places);

/* Returns the range that contains this address, and lowers *end to its end. NULL: there is none,
 * and *end is lowered to the start of the next. */
const struct lp_range *lp_places_at(const struct lp_places *places, uintptr_t address,
                                    uintptr_t *end);

#endif
