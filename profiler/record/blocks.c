#include "record/blocks.h"

#include <errno.h>
#include <stdatomic.h>

#include "sys/hold.h"
#include "record/capacity.h"
#include "sys/losses.h"
#include "record/sites.h"
#include "sys/slab.h"

enum { SHARDS = 64, HEADS_FIRST = 1024 };

struct shard {
    struct lp_lock lock;
    uint32_t live;     /* protected by lock, as all below */
    uint32_t nheads;   /* a power of two */
    uint32_t spare;    /* free records, linked by next, 1-based */
    uint32_t *heads;   /* 1-based numbers of records */
    uint32_t anywhere; /* records whose blocks do not lie at a page boundary */
    char pad[36];      /* a cache line each */
};

_Atomic uintptr_t lp_block_mask = LP_BLOCK_PAGE - 1;

static struct lp_lock mask_lock; /* for changes of the mask; taken inside a shard's */
static int anywhere_shards;      /* protected by it: those that have such blocks */
static struct lp_slab records = LP_SLAB(sizeof(struct lp_block), 14, LP_OWN_BLOCKS);
static struct shard shards[SHARDS];

static uint64_t hash_of(uintptr_t address)
{
    uint64_t h = (address >> 4) * 0x9e3779b97f4a7c15u;
    return h ^ h >> 32;
}

static struct shard *shard_of(uint64_t hash)
{
    return &shards[(hash >> 20) % SHARDS];
}

static struct lp_block *record_of(uint32_t link)
{
    return lp_slab_at(&records, link - 1);
}

static uint32_t *head_of(struct shard *shard, uint64_t hash)
{
    return &shard->heads[(hash ^ hash >> 40) & (shard->nheads - 1)];
}

/* The mask is 0 while any shard has blocks that lie anywhere: before the first is handed out, until
 * after the last has gone. Under the shard's lock. */
static void shard_has_anywhere(bool any)
{
    lp_lock(&mask_lock);
    anywhere_shards += any ? 1 : -1;
    atomic_store(&lp_block_mask, anywhere_shards ? 0 : LP_BLOCK_PAGE - 1);
    lp_unlock(&mask_lock);
}

static void came(struct shard *shard, uintptr_t address)
{
    if ((address & (LP_BLOCK_PAGE - 1)) != 0 && shard->anywhere++ == 0)
        shard_has_anywhere(true);
}

static void went(struct shard *shard, uintptr_t address)
{
    if ((address & (LP_BLOCK_PAGE - 1)) != 0 && --shard->anywhere == 0)
        shard_has_anywhere(false);
}

/* Twice the heads; a shard that cannot have them goes on with longer chains. */
static int grow(struct shard *shard)
{
    uint32_t n = shard->nheads ? shard->nheads * 2 : HEADS_FIRST, old_n = shard->nheads;
    uint32_t *old = shard->heads, *heads = lp_own_map(n * sizeof *heads, LP_OWN_BLOCKS);
    if (!heads)
        return -ENOMEM;
    shard->heads = heads;
    shard->nheads = n;
    for (uint32_t i = 0; i < old_n; i++) {
        for (uint32_t link = old[i], next; link; link = next) {
            struct lp_block *b = record_of(link);
            uint32_t *head = head_of(shard, hash_of(b->address));
            next = b->next;
            b->next = *head;
            *head = link;
        }
    }
    if (old)
        lp_own_unmap(old, old_n * sizeof *old, LP_OWN_BLOCKS);
    return 0;
}

static uint32_t new_record(struct shard *shard)
{
    uint32_t link = shard->spare;
    if (link) {
        shard->spare = record_of(link)->next;
        return link;
    }
    uint32_t i = lp_slab_count(&records) < LP_BLOCKS_MAX ? lp_slab_add(&records, 1) : LP_SLAB_FULL;
    return i == LP_SLAB_FULL ? 0 : i + 1;
}

/* Unlinks the record of this address; 0 when there is none. */
static uint32_t unlink_record(struct shard *shard, uint64_t hash, uintptr_t address)
{
    if (!shard->heads)
        return 0;
    for (uint32_t *at = head_of(shard, hash); *at; at = &record_of(*at)->next) {
        struct lp_block *b = record_of(*at);
        if (b->address == address) {
            uint32_t link = *at;
            *at = b->next;
            shard->live--;
            went(shard, address);
            return link;
        }
    }
    return 0;
}

int lp_block_insert(const struct lp_block *block)
{
    uint64_t hash = hash_of(block->address);
    struct shard *shard = shard_of(hash);
    struct lp_lock *below;
    struct lp_block stale = {0};
    int result = -ENOMEM;

    if (!lp_hold(&shard->lock, false, &below)) {
        lp_loss(LP_LOSS_FORKING);
        return -EAGAIN;
    }
    uint32_t link = unlink_record(shard, hash, block->address);
    if (link)
        stale = *record_of(link);
    else if ((shard->live < shard->nheads || grow(shard) == 0 || shard->heads))
        link = new_record(shard);
    if (link) {
        struct lp_block *b = record_of(link);
        uint32_t *head = head_of(shard, hash);
        *b = *block;
        b->next = *head;
        *head = link;
        shard->live++;
        came(shard, block->address);
        result = 0;
    }
    lp_release(&shard->lock, below);

    if (stale.address) {
        lp_site_free(stale.site, stale.size, stale.weight);
        lp_loss(LP_LOSS_FREE_MISSED);
    }
    if (result)
        lp_loss(LP_LOSS_BLOCKS_FULL);
    return result;
}

int lp_block_remove(uintptr_t address, struct lp_block *block, bool try)
{
    uint64_t hash = hash_of(address);
    struct shard *shard = shard_of(hash);

    struct lp_lock *below;
    if (!lp_hold(&shard->lock, try, &below))
        return -EAGAIN;
    uint32_t link = unlink_record(shard, hash, address);
    if (link) {
        struct lp_block *b = record_of(link);
        *block = *b;
        b->next = shard->spare;
        shard->spare = link;
    }
    lp_release(&shard->lock, below);
    return link ? 0 : -ENOENT;
}

uint32_t lp_blocks_live(void)
{
    uint32_t live = 0;
    for (int i = 0; i < SHARDS; i++) {
        lp_lock(&shards[i].lock);
        live += shards[i].live;
        lp_unlock(&shards[i].lock);
    }
    return live;
}

void lp_blocks_each(void (*visit)(const struct lp_block *block, void *arg), void *arg)
{
    for (int i = 0; i < SHARDS; i++) {
        struct shard *shard = &shards[i];
        lp_lock(&shard->lock);
        for (uint32_t h = 0; h < shard->nheads; h++)
            for (uint32_t link = shard->heads[h]; link; link = record_of(link)->next)
                visit(record_of(link), arg);
        lp_unlock(&shard->lock);
    }
}

void lp_blocks_before_fork(struct lp_blocks_held *held)
{
    held->shards = 0;
    for (int i = 0; i < SHARDS; i++)
        if (lp_hold_for_fork(&shards[i].lock))
            held->shards |= UINT64_C(1) << i;
    held->mask = lp_hold_for_fork(&mask_lock);
}

void lp_blocks_after_fork(const struct lp_blocks_held *held)
{
    if (held->mask)
        lp_unlock(&mask_lock);
    for (int i = SHARDS - 1; i >= 0; i--)
        if (held->shards >> i & 1)
            lp_unlock(&shards[i].lock);
}
