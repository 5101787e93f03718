/*
 * The sampled blocks that are alive, found by address.
 *
 * Any thread, any context. Nothing here waits longer than about a millisecond: what cannot be done
 * at once, because another thread holds the lock, is left for the next holder of that lock, in
 * order, and is not lost.
 */
#ifndef LP_RECORD_BLOCKS_H
#define LP_RECORD_BLOCKS_H

#include <stdbool.h>
#include <stdint.h>

#include "sys/hold.h"
#include "sys/pages.h"

/* An address that has one of these bits in common with it has no record. Of the bits that are
 * offsets in a page it has all while every recorded block lies at a page boundary, and none while
 * some do not, when lp_block_absent() answers most frees. (Bits above the page offset are private:
 * use the lower ones only.) */
extern _Atomic uintptr_t lp_block_mask __attribute__((visibility("hidden")));

struct lp_block {
    uintptr_t address;
    uint64_t size;  /* as asked for */
    uint32_t site;  /* record/sites.h */
    uint32_t next;  /* private */
    uint32_t birth; /* in sys/clock.h's ticks */
    float weight;   /* how many such blocks it stands for; 1: exact. Always above 0 */
};

/* 0, or -ENOMEM (counted). A record that is already there under this address is stale, because its
 * free was missed: it is counted as freed, as a loss, and replaced. */
int lp_block_insert(const struct lp_block *block);

/* Has this address surely no record? Takes no lock. Never true for a block that was inserted before
 * the program had it, and is not removed. */
bool lp_block_absent(uintptr_t address);

/* Takes the record of this address out. 0: the caller has to account for it as freed. -ENOENT:
 * there is none. -EAGAIN: left for later, and will be accounted for then. -ENOMEM: there may be
 * one, and it stays (counted). */
int lp_block_remove(uintptr_t address, struct lp_block *block);

uint32_t lp_blocks_live(void);

/* How often lp_block_remove() had to take a lock. For tests. */
uint64_t lp_blocks_locked(void);

/* Calls visit for every live record, under a lock: visit must not allocate or call the program. The
 * profiler's threads only. */
void lp_blocks_each(void (*visit)(const struct lp_block *block, void *arg), void *arg);

/* Around fork (sys/hold.h): all locks are held, so that the child has complete chains. */
enum { LP_BLOCKS_STRIPES = 64 };
struct lp_blocks_held {
    uint8_t stripes[LP_BLOCKS_STRIPES]; /* enum lp_fork_lock */
};
void lp_blocks_before_fork(struct lp_blocks_held *held);
void lp_blocks_after_fork(const struct lp_blocks_held *held, bool child);

#endif
