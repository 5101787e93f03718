#include "record/blockcounts.h"

#include <sys/mman.h>

#include "sys/pages.h"
#include "sys/syscall.h"

enum { PAGES = LP_BLOCKS_COUNTS / LP_PAGE };

LP_APART struct lp_blocks_counts lp_blocks_counts;
static LP_APART _Atomic bool written[PAGES];
static _Atomic bool any;

bool lp_blocks_counted(void)
{
    return atomic_load_explicit(&any, memory_order_relaxed);
}

void lp_blocks_counts_prepare(void)
{
    static _Atomic bool done;
    if (!atomic_exchange(&done, true))
        lp_syscall(SYS_madvise, &lp_blocks_counts, sizeof lp_blocks_counts, MADV_NOHUGEPAGE);
}

__attribute__((noinline)) static void write_page(size_t page)
{
    lp_blocks_counts_prepare(); /* a record before the start */
    atomic_store(&any, true);
    if (!atomic_exchange(&written[page], true))
        lp_own_count(LP_PAGE, LP_OWN_BLOCKS);
}

void lp_block_counted(uintptr_t address, int n)
{
    _Atomic uint8_t *four = lp_blocks_four(&lp_blocks_counts, address);
    size_t page = (size_t)(four - lp_blocks_counts.four) / LP_PAGE;
    if (__builtin_expect(!atomic_load_explicit(&written[page], memory_order_relaxed), 0))
        write_page(page);
    unsigned at = lp_blocks_count_at(address);
    uint8_t seen = atomic_load_explicit(four, memory_order_relaxed);
    while ((seen >> at & LP_BLOCKS_COUNT_FULL) != LP_BLOCKS_COUNT_FULL &&
           !atomic_compare_exchange_weak_explicit(four, &seen, (uint8_t)(seen + n * (1 << at)),
                                                  memory_order_relaxed, memory_order_relaxed))
        ;
}
