/*
 * How many recorded blocks (record/blocks.h) begin in each 32 bytes of the address space: two bits
 * for each, and four of them in a byte. A free whose count is 0 has no record, and need not look in
 * the table. Most frees read a byte that is 0.
 *
 * The place of a count follows the address, and not a hash of it. So the counts that a program's
 * frees read lie together as its blocks do: those of 1.5 MiB of heap are 12 KiB, which stay in the
 * cache. libc's malloc begins at most one block in 32 bytes. Addresses that are 1 GiB apart share a
 * count, which costs a look in the table, and nothing else.
 *
 * A count is raised before a record is inserted and lowered after it was removed, so it is never
 * too low. In a forked child it may stay too high. Any thread, any context, no lock.
 *
 * Two other designs are compared in loadtest/README.md. Sampled blocks at page boundaries need no
 * memory for free to recognize them, but waste it at fine rates, and after exact recording every
 * free looks in the table. A private address range needs one comparison. But one of its blocks that
 * reaches the real allocator past the hooks (dlsym(RTLD_NEXT), RTLD_DEEPBIND, __libc_free()) ends
 * the program.
 */
#ifndef LP_RECORD_BLOCKCOUNTS_H
#define LP_RECORD_BLOCKCOUNTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    LP_BLOCKS_COUNTS = 1 << 23, /* bytes; those that are never written take no memory */
    LP_BLOCKS_COUNT_FULL = 3    /* such a count stays as it is */
};

struct lp_blocks_counts {
    _Atomic uint8_t four[LP_BLOCKS_COUNTS];
};

static inline _Atomic uint8_t *lp_blocks_four(struct lp_blocks_counts *counts, uintptr_t address)
{
    return &counts->four[address >> 7 & (LP_BLOCKS_COUNTS - 1)];
}

/* Where the count of this address is in its byte, in bits. */
static inline unsigned lp_blocks_count_at(uintptr_t address)
{
    return address >> 4 & 6;
}

static inline unsigned lp_blocks_count(struct lp_blocks_counts *counts, uintptr_t address)
{
    uint8_t four = atomic_load_explicit(lp_blocks_four(counts, address), memory_order_relaxed);
    return four == 0 ? 0 : four >> lp_blocks_count_at(address) & LP_BLOCKS_COUNT_FULL;
}

extern struct lp_blocks_counts lp_blocks_counts __attribute__((visibility("hidden")));

/* Few pages are ever written: no huge page may take the place of one. Call at the start, before
 * the program can install a filter of system calls. */
void lp_blocks_counts_prepare(void);

/* Is a count above 0, or was one? */
bool lp_blocks_counted(void);

/* Adds n, 1 or -1. */
void lp_block_counted(uintptr_t address, int n);

#endif
