/*
 * The sampled blocks that are alive, found by address. Sharded by address, one lock a shard;
 * records lie in one slab and are reused. Any thread; a caller that may have interrupted a holder
 * of a lock in its own thread (a signal handler) asks for `try` and gets -EAGAIN instead of a
 * deadlock.
 */
#ifndef LP_RECORD_BLOCKS_H
#define LP_RECORD_BLOCKS_H

#include <stdbool.h>
#include <stdint.h>

enum { LP_BLOCK_PAGE = 4096 };

/* An address with any of these bits set has no record for certain: all the bits below a page while
 * every recorded block lies at a page boundary, 0 while some lie anywhere. */
extern _Atomic uintptr_t lp_block_mask __attribute__((visibility("hidden")));

struct lp_block {
    uintptr_t address;
    uint64_t size;  /* as asked for */
    uint32_t site;  /* record/sites.h */
    uint32_t next;  /* private */
    uint32_t birth; /* in record/rate.h's ticks */
    float weight;   /* how many such blocks it stands for; 1: exact */
};

/* 0; -ENOMEM, or -EAGAIN during a fork (both counted). A record that is already there under this
 * address is stale, for its free was missed: it is booked as freed, counted, and replaced. */
int lp_block_insert(const struct lp_block *block);

/* Takes the record of this address out. 0; -ENOENT; -EAGAIN with try, or during a fork. */
int lp_block_remove(uintptr_t address, struct lp_block *block, bool try);

uint32_t lp_blocks_live(void);

/* Calls visit for every live record, shard by shard, each under its lock: visit must not allocate
 * or call the program. */
void lp_blocks_each(void (*visit)(const struct lp_block *block, void *arg), void *arg);

/* Around fork (sys/hold.h): all locks are held, so that the child finds whole chains. */
struct lp_blocks_held {
    uint64_t shards;
    bool mask;
};
void lp_blocks_before_fork(struct lp_blocks_held *held);
void lp_blocks_after_fork(const struct lp_blocks_held *held);

#endif
