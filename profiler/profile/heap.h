/* What heap and allocs profiles have in addition to their rows. */
#ifndef LP_PROFILE_HEAP_H
#define LP_PROFILE_HEAP_H

#include "inspect/footprint.h"
#include "profile/ages.h"
#include "profile/profile.h"
#include "record/rate.h"

/* The columns: what was allocated (only rises), and what is in use. */
enum { LP_ALLOC_OBJECTS, LP_ALLOC_BYTES, LP_INUSE_OBJECTS, LP_INUSE_BYTES };

struct lp_heap {
    struct lp_rates rates;         /* the rates that samples were taken at */
    struct lp_footprint footprint; /* the profiler's own; empty in a delta */
    struct lp_ages *ages; /* of the live blocks; in a delta, of the later profile; NULL: none */
    double (*freed_variance)[2]; /* only in a delta; a row's `extra` is its index here, plus one */
    size_t nfreed, freed_room;
};

/* NULL for other kinds. */
struct lp_heap *lp_heap_of(const struct lp_profile *profile);

/* Were samples taken at more than one rate? false for other kinds. */
bool lp_heap_rates_mixed(const struct lp_profile *profile);

/* The freed blocks or bytes: since the process began, or in a delta's window. `value` is
 * LP_ALLOC_OBJECTS or LP_ALLOC_BYTES. */
static inline int64_t lp_row_freed(const struct lp_row *row, int value)
{
    return row->value[value] - row->value[value + LP_INUSE_OBJECTS];
}

/* The variance of the same in a row of a delta. 0: exact. */
double lp_row_freed_variance(const struct lp_profile *delta, const struct lp_row *row, int value);

#endif
