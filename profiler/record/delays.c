/* One row per stack, with the number of the stack. Pages of stacks that never wait are not touched
 * and take no memory. */
#include "record/delays.h"

#include <stdatomic.h>

#include "sys/slab.h"
#include "record/stacks.h"
#include "sys/maths.h"

/* Weights are not integers: waits are counted in units of 1/65536. */
#define COUNT_UNIT 65536.0

struct row {
    _Atomic uint64_t count; /* in COUNT_UNIT */
    _Atomic int64_t ns;
    _Atomic double count_var, ns_var;
};

LP_SLAB(block, sizeof(struct row), 12, LP_OWN_WAITS);
LP_SLAB(mutex, sizeof(struct row), 12, LP_OWN_WAITS);
static struct lp_slab *const rows[LP_WAITS_KINDS] = {&block, &mutex}; /* as enum lp_waits */

static void add_double(_Atomic double *sum, double value)
{
    double seen = atomic_load_explicit(sum, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(sum, &seen, seen + value, memory_order_relaxed,
                                                  memory_order_relaxed))
        ;
}

void lp_delays_add(enum lp_waits kind, uint32_t stack, int64_t ns, double weight)
{
    if (!lp_slab_segment(rows[kind], stack))
        return; /* the kernel refused, which was counted */
    struct row *row = lp_slab_at(rows[kind], stack);
    atomic_fetch_add_explicit(&row->ns, lp_round(weight * (double)ns), memory_order_relaxed);
    if (weight != 1) {
        double var = weight * (weight - 1);
        add_double(&row->count_var, var);
        add_double(&row->ns_var, var * (double)ns * (double)ns);
    }
    atomic_fetch_add_explicit(&row->count, (uint64_t)(weight * COUNT_UNIT + 0.5),
                              memory_order_release);
}

uint32_t lp_delays_limit(void)
{
    return LP_STACK_FIRST + lp_stack_count();
}

bool lp_delays_read(enum lp_waits kind, uint32_t stack, struct lp_delays_figures *figures)
{
    struct row *row = lp_slab_at(rows[kind], stack);
    uint64_t count = row ? atomic_load_explicit(&row->count, memory_order_acquire) : 0;
    if (count == 0)
        return false;
    *figures = (struct lp_delays_figures){
        .count = lp_round((double)count / COUNT_UNIT),
        .ns = atomic_load_explicit(&row->ns, memory_order_relaxed),
        .count_var = atomic_load_explicit(&row->count_var, memory_order_relaxed),
        .ns_var = atomic_load_explicit(&row->ns_var, memory_order_relaxed),
    };
    return true;
}
