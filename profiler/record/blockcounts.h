/*
 * How many recorded blocks (record/blocks.h) have an address with a given hash. A free of another
 * allocator's block, which may lie anywhere, need not look in the table if there are none. With
 * libc's malloc, which has the sampled blocks at page boundaries, nothing is counted.
 *
 * A count is raised before a record is inserted and lowered after it was removed, so it is never
 * too low. In a forked child it may stay too high. Any thread, any context, no lock.
 */
#ifndef LP_RECORD_BLOCKCOUNTS_H
#define LP_RECORD_BLOCKCOUNTS_H

#include <stdatomic.h>
#include <stdint.h>

/* The number, plus LP_BLOCKS_NONE. 0: it is not counted, because it grew too high, or nothing is.
 */
enum { LP_BLOCKS_COUNTS = 4096, LP_BLOCKS_NONE = 1 };
extern _Atomic uint8_t lp_blocks_counts[LP_BLOCKS_COUNTS] __attribute__((visibility("hidden")));

static inline _Atomic uint8_t *lp_blocks_count(uintptr_t address)
{
    return &lp_blocks_counts[(address >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 52];
}

/* Before the first record, if frees are to be spared the table. What shares its hash with address 0
 * is not counted. */
void lp_blocks_count_begin(void);

/* Adds n, 1 or -1. */
void lp_block_counted(uintptr_t address, int n);

#endif
