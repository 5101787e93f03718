#include "inspect/places.h"

#include <errno.h>
#include <stdlib.h>

#include "record/maps.h"
#include "sys/pages.h"

enum { RANGES_AT_ONCE = 512 };

static const struct lp_places empty = {.ranges = LP_ARRAY(struct lp_range, LP_OWN_MAPS)};

static void add_pages(struct lp_places *places, uintptr_t start, uintptr_t end)
{
    start &= ~(uintptr_t)(LP_PAGE - 1);
    end = (end + LP_PAGE - 1) & ~(uintptr_t)(LP_PAGE - 1);
    struct lp_range *range = end > start ? lp_array_add(&places->ranges) : NULL;
    if (range)
        *range = (struct lp_range){.start = start, .length = end - start};
}

static int result_of(const struct lp_places *places)
{
    return places->ranges.failed ? -ENOMEM : 0;
}

int lp_places_mapped(struct lp_places *places)
{
    struct lp_range some[RANGES_AT_ONCE], *range;
    uint64_t from = 0;
    *places = empty;
    for (uint32_t n; (n = lp_maps_copy(from, some, RANGES_AT_ONCE)) > 0;) {
        for (uint32_t i = 0; i < n; i++)
            if ((range = lp_array_add(&places->ranges)))
                *range = some[i];
        from = some[n - 1].start + some[n - 1].length;
    }
    return result_of(places);
}

static int by_start(const void *x, const void *y)
{
    const struct lp_range *a = x, *b = y;
    return (a->start > b->start) - (a->start < b->start);
}

static int sorted(struct lp_places *places)
{
    if (places->ranges.n)
        qsort(places->ranges.at, places->ranges.n, sizeof(struct lp_range), by_start);
    return result_of(places);
}

static void visit_own(uintptr_t start, size_t bytes, void *arg)
{
    add_pages(arg, start, start + bytes);
}

int lp_places_own(struct lp_places *places)
{
    *places = empty;
    lp_own_each(visit_own, places);
    return sorted(places);
}

void lp_places_release(struct lp_places *places)
{
    lp_array_release(&places->ranges);
}

const struct lp_range *lp_places_at(const struct lp_places *places, uintptr_t address,
                                    uintptr_t *end)
{
    const struct lp_range *ranges = places->ranges.at;
    size_t low = 0, high = places->ranges.n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (ranges[middle].start + ranges[middle].length > address)
            high = middle;
        else
            low = middle + 1;
    }
    if (low == places->ranges.n)
        return NULL;
    const struct lp_range *range = &ranges[low];
    uintptr_t limit = range->start <= address ? range->start + range->length : range->start;
    if (limit < *end)
        *end = limit;
    return range->start <= address ? range : NULL;
}
