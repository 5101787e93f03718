/* What the tests of the heap's hooks share: blocks that no compiler deletes, and what the profile
 * says of them. */
#ifndef TESTS_UNIT_HEAP_H
#define TESTS_UNIT_HEAP_H

#include <stdint.h>

#include "record/rate.h"
#include "profile/take.h"
#include "sys/losses.h"

/* Compilers may delete a malloc whose result is not used. */
static inline void *opaque(void *block)
{
    __asm__ volatile("" : "+r"(block) : : "memory");
    return block;
}

/* In use by blocks of one size, whatever the stack. */
static inline int64_t in_use(int64_t size, double *variance)
{
    struct lp_profile *heap = lp_take(lp_kind_find("heap"));
    int64_t bytes = 0;
    if (variance)
        *variance = 0;
    for (size_t i = 0; i < heap->nrows; i++) {
        if (heap->rows[i].label_num != size)
            continue;
        bytes += heap->rows[i].value[3];
        if (variance)
            *variance += heap->rows[i].variance[3];
    }
    lp_profile_free(heap);
    return bytes;
}

/* What was lost before a group began: a sanitizer's runtime opens and maps before libunwind is
 * loaded. */
static uint64_t lost_before[LP_LOSS_COUNT];

/* A group of tests begins with every block recorded. */
static inline int exact(void **state)
{
    (void)state;
    for (int cause = 0; cause < LP_LOSS_COUNT; cause++)
        lost_before[cause] = lp_losses(cause);
    lp_rate_set(1);
    return 0;
}

/* And ends with this one. */
static inline void nothing_was_lost_on_the_way(void **state)
{
    (void)state;
    for (int cause = 0; cause < LP_LOSS_COUNT; cause++)
        if (lp_losses(cause) != lost_before[cause])
            fail_msg("%d lost by %s", (int)(lp_losses(cause) - lost_before[cause]),
                     lp_loss_name(cause));
}

#endif
