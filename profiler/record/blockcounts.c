#include "record/blockcounts.h"

#include "sys/pages.h"

LP_APART _Atomic uint8_t lp_blocks_counts[LP_BLOCKS_COUNTS];

void lp_blocks_count_begin(void)
{
    for (int i = 0; i < LP_BLOCKS_COUNTS; i++)
        atomic_store_explicit(&lp_blocks_counts[i], LP_BLOCKS_NONE, memory_order_relaxed);
    atomic_store_explicit(lp_blocks_count(0), 0, memory_order_relaxed);
}

/* Beyond the largest number it becomes 0 and stays so. */
void lp_block_counted(uintptr_t address, int n)
{
    _Atomic uint8_t *counted = lp_blocks_count(address);
    uint8_t seen = atomic_load_explicit(counted, memory_order_relaxed);
    while (seen != 0 &&
           !atomic_compare_exchange_weak_explicit(counted, &seen, (uint8_t)(seen + n),
                                                  memory_order_relaxed, memory_order_relaxed))
        ;
}
