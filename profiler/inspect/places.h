/*
 * Which addresses something is known of, whatever the kernel says of them: what the table of
 * mappings has, what is the profiler's own, what belongs to a loaded object. Each is a list of
 * ranges, sorted by address, to be looked up. Profiler's thread only.
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

/* Fill `places`, whatever was in it. 0, or -ENOMEM; release it either way. One that is all zero may
 * be released, too. */
int lp_places_mapped(struct lp_places *places); /* as the table has them, with their stacks */
int lp_places_own(struct lp_places *places);    /* whole pages; start and length only */
int lp_places_objects(struct lp_places *places);
void lp_places_release(struct lp_places *places);

/* The range that this address lies in, and *end is brought back to where it ends. NULL: none does,
 * and *end is brought back to where the next begins. */
const struct lp_range *lp_places_at(const struct lp_places *places, uintptr_t address,
                                    uintptr_t *end);

#endif
