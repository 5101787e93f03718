/* The heap and allocs profiles: one row per site, and the ages of the live blocks. */
#include "profile/heap.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "record/allocator.h"
#include "record/rate.h"
#include "sys/clock.h"
#include "profile/kinds.h"
#include "record/sites.h"

static int64_t extra_bytes(const struct lp_profile *profile)
{
    const struct lp_heap *heap = lp_heap_of(profile);
    return lp_ages_bytes(heap->ages) + (int64_t)(heap->freed_room * sizeof *heap->freed_variance);
}

static void release(struct lp_profile *profile)
{
    struct lp_heap *heap = lp_heap_of(profile);
    lp_ages_drop(heap->ages);
    free(heap->freed_variance);
}

static void begin_diff(struct lp_profile *delta, const struct lp_profile *to)
{
    lp_heap_of(delta)->rates = lp_heap_of(to)->rates;
    lp_heap_of(delta)->ages = lp_ages_share(lp_heap_of(to)->ages);
}

/* What was allocated in the window has the variance that the rising count gained. Growth is what
 * was allocated less what was freed, and only samples that did one and not the other make it
 * uncertain. Two sums are known, and both include samples that cancel out. The sum of what both
 * counts gained includes blocks that came and went in the window, twice. The sum of both profiles'
 * variances includes blocks that were live in both, twice. The smaller one is used. It is still an
 * upper bound, and it is close if few blocks come and go, or few stay. */
static int diff_row(struct lp_profile *delta, struct lp_row *row, const struct lp_row *from,
                    const struct lp_row *to)
{
    struct lp_heap *heap = lp_heap_of(delta);
    double freed[2] = {0};
    for (int v = 0; v < LP_INUSE_OBJECTS; v++) {
        int left = v + LP_INUSE_OBJECTS;
        double came = to->variance[v] - from->variance[v];
        double went = came - (to->variance[left] - from->variance[left]);
        if (came < 0)
            continue; /* a profile made by a test: real counts never fall */
        row->variance[v] = came;
        freed[v] = fmax(went, 0); /* sums of doubles drift */
        row->variance[left] = fmin(row->variance[left], came + freed[v]);
    }
    if (freed[0] <= 0 && freed[1] <= 0)
        return 0;
    double(*place)[2] =
        lp_profile_append(&heap->freed_variance, &heap->nfreed, &heap->freed_room, sizeof *place);
    if (!place)
        return -ENOMEM;
    memcpy(place, freed, sizeof freed);
    row->extra = (uint32_t)heap->nfreed;
    return 0;
}

static const struct lp_profile_extra extra = {.size = sizeof(struct lp_heap),
                                              .bytes = extra_bytes,
                                              .release = release,
                                              .begin_diff = begin_diff,
                                              .diff_row = diff_row};

struct lp_heap *lp_heap_of(const struct lp_profile *profile)
{
    return profile->kind->extra == &extra ? (struct lp_heap *)profile->extra : NULL;
}

bool lp_heap_rates_mixed(const struct lp_profile *profile)
{
    const struct lp_heap *heap = lp_heap_of(profile);
    return heap && lp_rates_mixed(&heap->rates);
}

double lp_row_freed_variance(const struct lp_profile *delta, const struct lp_row *row, int value)
{
    return row->extra ? lp_heap_of(delta)->freed_variance[row->extra - 1][value] : 0;
}

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
    struct lp_heap *heap = lp_heap_of(profile);
    lp_rates_read(&heap->rates);
    uint32_t nsites = lp_site_count();
    struct lp_ages_taking *ages = lp_ages_begin(nsites, lp_now_ticks());
    int result = take_rows(profile, nsites, ages);
    heap->ages = lp_ages_end(ages);
    heap->footprint = lp_footprint_now();
    char why[LP_ALLOCATOR_WHY];
    if (!result && lp_allocator_why(why)[0] && !(profile->note = lp_profile_text(profile, why)))
        result = -ENOMEM;
    return result ? result : heap->ages ? 0 : -ENOMEM;
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

/* Figures are already scaled up from the samples. With the true rate in the head, pprof would scale
 * them up again. So the head has `heap/2`, which Go's parser halves to one sample per byte. */
#define GO_HEAD "heap profile: $2: $3 [$0: $1] @ heap/2\n"
#define GO_ROW "$2: $3 [$0: $1] @"

const struct lp_profile_kind lp_heap_kind = {
    .name = "heap",
    .about = "Heap memory in use, by the stack that allocated it.",
    .nvalues = 4,
    .values = HEAP_VALUES,
    .default_value = -1,
    .shown_value = LP_INUSE_BYTES,
    .growth_value = LP_INUSE_BYTES,
    .period = {"space", "bytes"},
    .label_key = "bytes",
    .label_unit = "bytes",
    .go_head = GO_HEAD,
    .go_row = GO_ROW,
    .take = take,
    .count = count,
    .extra = &extra,
    .resources = {{"heap", "bytes", LP_BOUND_MEMORY, LP_INUSE_BYTES, NULL}},
};

const struct lp_profile_kind lp_allocs_kind = {
    .name = "allocs",
    .about = "All heap memory allocated since the program began, freed or not.",
    .nvalues = 4,
    .values = HEAP_VALUES,
    .default_value = LP_ALLOC_BYTES,
    .shown_value = LP_ALLOC_BYTES,
    .growth_value = LP_ALLOC_BYTES,
    .period = {"space", "bytes"},
    .label_key = "bytes",
    .label_unit = "bytes",
    .go_head = GO_HEAD,
    .go_row = GO_ROW,
    .take = take,
    .count = count,
    .extra = &extra,
    .rows_of = &lp_heap_kind,
};
