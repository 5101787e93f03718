/* What malloc_trim() would give back is told from the sizes of the free chunks. */
#include "unit.h"

#include <stdlib.h>

#include "profile/heap.h"
#include "profile/maps.h"
#include "profile/unused.h"
#include "profile/kinds.h"

enum { HOLES = 64, HOLE = 100000, PIN = 40 };

/* With so much unused memory that it bounds nothing. */
static int64_t trimmable(void)
{
    struct lp_profile *heap = lp_profile_new(&lp_heap_kind), *maps = lp_profile_new(&lp_maps_kind);
    struct lp_row *row = lp_profile_row(maps);

    row->label_text = "malloc arena";
    row->value[LP_MAPS_RESIDENT] = INT64_C(1) << 40;
    int64_t bytes = lp_unused_of(heap, maps, 0).trimmable;
    lp_profile_free(heap);
    lp_profile_free(maps);
    return bytes;
}

static void holes_have_whole_pages(void **state)
{
    (void)state;
    NEEDS_HOOKED_HEAP();
    void *volatile holes[HOLES], *volatile pins[HOLES];

    for (int i = 0; i < HOLES; i++) {
        holes[i] = malloc(HOLE);
        pins[i] = malloc(PIN);
    }
    int64_t before = trimmable();
    for (int i = 0; i < HOLES; i++)
        free(holes[i]);
    int64_t after = trimmable();
    void *volatile sorted = malloc(HOLE + PIN + 1000); /* out of the list of what was just freed */
    int64_t in_bins = trimmable();
    free(sorted);
    for (int i = 0; i < HOLES; i++)
        free(pins[i]);

    /* What else is freed or made meanwhile is small beside it. */
    const int64_t whole = HOLES * (int64_t)(HOLE - 4095);
    assert_in_range(after - before, whole * 9 / 10, whole * 11 / 10);
    assert_in_range(in_bins - before, whole * 8 / 10, whole * 11 / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holes_have_whole_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
