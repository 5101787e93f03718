/*
 * The sampled blocks that are alive, found by address.
 *
 * Any thread, any context. No call waits longer than about a millisecond. If another thread holds
 * the lock, the work is left for the next holder of that lock, in order, and is not lost.
 */
#ifndef LP_RECORD_BLOCKS_H
#define LP_RECORD_BLOCKS_H

#include <stdbool.h>
#include <stdint.h>

#include "sys/hold.h"

struct lp_block {
    uintptr_t address;
    uint64_t size;  /* as requested */
    uint32_t site;  /* record/sites.h */
    uint32_t next;  /* private */
    uint32_t birth; /* in sys/clock.h's ticks */
    float weight;   /* how many such blocks it stands for; 1: exact; always above 0 */
};

/* Returns 0 or -ENOMEM (counted). If the address already has a record, its free was missed. That
 * block is counted as freed and as a loss, and its record is replaced. */
int lp_block_insert(const struct lp_block *block);

/* Is it certain that this address has no record? Takes no lock. Never true for a block that was
 * inserted before the program had it and has not been removed. */
bool lp_block_absent(uintptr_t address);

/* Removes the record of this address. 0: removed, and the caller must account for it as freed.
 * -ENOENT: there is none. -EAGAIN: left for later, and accounted for then. -ENOMEM: there may be
 * one, and it stays (counted). */
int lp_block_remove(uintptr_t address, struct lp_block *block);

uint32_t lp_blocks_live(void);

/* How often lp_block_remove() took a lock. For tests. */
uint64_t lp_blocks_locked(void);

/* Calls visit for every live record, under a lock: visit must not allocate or call the program.
 * Profiler's threads only. */
void lp_blocks_each(void (*visit)(const struct lp_block *block, void *arg), void *arg);

/* Around fork (sys/hold.h). All locks are held, so that the child has complete chains. */
enum { LP_BLOCKS_STRIPES = 128 };
struct lp_blocks_held {
    uint8_t stripes[LP_BLOCKS_STRIPES]; /* enum lp_fork_lock */
};
void lp_blocks_before_fork(struct lp_blocks_held *held);
void lp_blocks_after_fork(const struct lp_blocks_held *held, bool child);

#endif
