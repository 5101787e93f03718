/* The heap and allocs profiles: one row a site, and the ages of what is live. */
#include <errno.h>

#include "record/rate.h"
#include "sys/clock.h"
#include "profile/kinds.h"
#include "record/sites.h"

static int take_rows(struct lp_profile *profile, uint32_t nsites, struct lp_ages_taking *ages)
{
    for (uint32_t i = 0; i < nsites; i++) {
        struct lp_site_figures f;
        lp_site_read(i, &f);
        if (f.alloc_objects == 0 && f.alloc_bytes == 0)
            continue;
        struct lp_row *row = lp_profile_row(profile);
        if (!row)
            return -ENOMEM;
        *row = (struct lp_row){
            .stack = f.stack,
            .label_num = (int64_t)f.size,
            .value = {f.alloc_objects, f.alloc_bytes, f.inuse_objects, f.inuse_bytes},
            .variance = {f.alloc_objects_var, f.alloc_bytes_var, f.inuse_objects_var,
                         f.inuse_bytes_var},
        };
        lp_ages_expect(ages, i, f.stack, f.inuse_objects);
    }
    return 0;
}

static int take(struct lp_profile *profile)
{
    profile->period = lp_rate();
    lp_rates_read(&profile->rates);
    uint32_t nsites = lp_site_count();
    struct lp_ages_taking *ages = lp_ages_begin(nsites, lp_now_ticks());
    int result = take_rows(profile, nsites, ages);
    profile->ages = lp_ages_end(ages);
    profile->weight = lp_footprint_now();
    return result ? result : profile->ages ? 0 : -ENOMEM;
}

static int64_t count(void)
{
    return lp_site_count();
}

#define HEAP_VALUES                                                                                \
    {                                                                                              \
        {"alloc_objects", "count"}, {"alloc_space", "bytes"}, {"inuse_objects", "count"},          \
        {                                                                                          \
            "inuse_space", "bytes"                                                                 \
        }                                                                                          \
    }

const struct lp_profile_kind lp_heap_kind = {
    .name = "heap",
    .about = "Heap memory in use, by the stack that allocated it.",
    .nvalues = 4,
    .tallies = true,
    .values = HEAP_VALUES,
    .default_value = -1,
    .shown_value = LP_INUSE_BYTES,
    .growth_value = LP_INUSE_BYTES,
    .period = {"space", "bytes"},
    .label_key = "bytes",
    .label_unit = "bytes",
    .take = take,
    .count = count,
    .resources = {{"heap", "bytes", 256 << 10, LP_BOUND_MEMORY, LP_INUSE_BYTES, NULL}},
};

const struct lp_profile_kind lp_allocs_kind = {
    .name = "allocs",
    .about = "All heap memory allocated since the program began, freed or not.",
    .nvalues = 4,
    .tallies = true,
    .values = HEAP_VALUES,
    .default_value = LP_ALLOC_BYTES,
    .shown_value = LP_ALLOC_BYTES,
    .growth_value = LP_ALLOC_BYTES,
    .period = {"space", "bytes"},
    .label_key = "bytes",
    .label_unit = "bytes",
    .take = take,
    .count = count,
    .rows_of = &lp_heap_kind,
};
