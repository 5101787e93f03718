/*
 * A hash table of chains, in stripes. A stripe has the blocks of some 256 KiB of addresses each, a
 * lock, and a share of the cells of one growing array, 16 side by side. Records lie in a slab and
 * are reused by their stripe. An allocator gives each thread addresses of its own where it can. So
 * threads seldom use the same stripe, and seldom wait for each other's locks or cache lines.
 *
 * A stripe grows by one cell whenever it has as many records as cells, by linear hashing: the next
 * cell in turn is split in two. So no insertion takes long. Cells never move, so a free can look at
 * a cell without the lock: lp_block_absent(). Its answer is always right. The record is inserted
 * before the program has the block, and its cell shows it until it is removed. If a split moves the
 * record to another cell, that cell is filled first, then the new number of cells is published,
 * then the old cell is changed. A reader that sees the changed old cell also sees the new number,
 * and does not trust the cell.
 *
 * A thread that does not get the lock within a millisecond leaves its work in the stripe's list of
 * late work. The next holder does that work first, in order. So nothing is lost while the holder of
 * a lock is suspended. The records for late work come from a list of their own, and go back to it.
 *
 * sys/index.h is not used here, because blocks are removed, and because there may be a hundred
 * million of them, so four bytes per record matter.
 */
#include "record/blocks.h"

#include <errno.h>
#include <stdatomic.h>

#include "record/blockcounts.h"
#include "record/capacity.h"
#include "record/sites.h"
#include "sys/losses.h"
#include "sys/slab.h"

enum {
    STRIPES = LP_BLOCKS_STRIPES,
    STRIPE_BITS = 7,
    REGION_SHIFT = 18, /* of addresses that share a stripe */
    LINE_BITS = 4,     /* cells on one cache line, of one stripe */
    RECORDS_AT_ONCE = 4,
    SEGMENT_SHIFT = 14,
    LINK_BITS = 28,
    CELLS_FIRST = 16, /* per stripe */
    CELLS_MAX = 1 << 21,
};

struct stripe {
    _Alignas(64) struct lp_lock lock; /* on a cache line of its own */
    uint32_t spare;                   /* free records; protected by lock */
    _Atomic uint32_t live;   /* written under the lock, read without it, like the two below */
    _Atomic uint32_t ncells; /* only grows; 0: the stripe was never used */
    _Atomic uint32_t locked; /* removals that took the lock */
    _Atomic uint32_t late;   /* work for the next holder, newest first; pushed without the lock */
    _Atomic uint32_t nlate;  /* raised before a push, lowered when the work is done */
};

/* A link is the number of a record plus one; 0: none. A cell has the link to the first record of
 * its chain. If the chain has only that record, the cell also has some bits of its hash above the
 * link, never all 0. A free record has address 0. An item of late work is a record too: one with
 * negative weight is to be inserted, one with weight 0 names the record to remove. */
LP_SLAB(records, sizeof(struct lp_block), SEGMENT_SHIFT, LP_OWN_BLOCKS);
LP_SLAB(cells, sizeof(uint32_t), SEGMENT_SHIFT, LP_OWN_BLOCKS);
static LP_APART struct stripe stripes[STRIPES];
static struct {
    struct lp_lock lock; /* is only tried */
    uint32_t spare;      /* free records, for late work; linked like those of a stripe */
} common;
_Static_assert(LP_BLOCKS_MAX < 1 << LINK_BITS, "links fit into a cell beside a tag");

static uint32_t hash_of(uintptr_t address)
{
    uint64_t h = (address >> 4) * 0x9e3779b97f4a7c15u;
    return (uint32_t)(h ^ h >> 32);
}

static uint32_t stripe_number(uintptr_t address)
{
    return (uint32_t)((address >> REGION_SHIFT) * 0x9e3779b97f4a7c15u >> (64 - STRIPE_BITS));
}

static struct stripe *stripe_of(uintptr_t address)
{
    return &stripes[stripe_number(address)];
}

static uint32_t number_of(const struct stripe *stripe)
{
    return (uint32_t)(stripe - stripes);
}

static struct lp_block *record_of(uint32_t link)
{
    return lp_slab_get(&records, link - 1, sizeof(struct lp_block), SEGMENT_SHIFT);
}

/* The index, among the stripe's n cells, of the cell for this hash. */
static uint32_t cell_index(uint32_t hash, uint32_t n)
{
    uint32_t half = UINT32_C(1) << (31 - __builtin_clz(n));
    uint32_t wide = hash & (2 * half - 1);
    return wide < n ? wide : hash & (half - 1);
}

static uint32_t cell_number(uint32_t stripe, uint32_t i)
{
    uint32_t line = i >> LINE_BITS << STRIPE_BITS | stripe;
    return line << LINE_BITS | (i & ((1 << LINE_BITS) - 1));
}

/* Returns a cell that exists. */
static _Atomic uint32_t *cell_at(uint32_t number)
{
    return lp_slab_get(&cells, number, sizeof(uint32_t), SEGMENT_SHIFT);
}

static inline _Atomic uint32_t *cell_of(const struct stripe *stripe, uint32_t hash, uint32_t n)
{
    return cell_at(cell_number(number_of(stripe), cell_index(hash, n)));
}

/* The bits of the hash that do not choose a cell. */
static uint32_t tag_of(uint32_t hash)
{
    uint32_t tag = hash >> LINK_BITS;
    return tag ? tag : 1;
}

static uint32_t first_of(_Atomic uint32_t *cell)
{
    return atomic_load_explicit(cell, memory_order_relaxed) & ((1u << LINK_BITS) - 1);
}

/* The value of a cell whose chain begins with this record. */
static uint32_t chain_from(uint32_t link)
{
    const struct lp_block *b = link ? record_of(link) : NULL;
    return !b || b->next ? link : tag_of(hash_of(b->address)) << LINK_BITS | link;
}

static void add_live(struct stripe *stripe, int n)
{
    uint32_t live = atomic_load_explicit(&stripe->live, memory_order_relaxed);
    atomic_store_explicit(&stripe->live, live + (uint32_t)n, memory_order_relaxed);
}

/* Divides the records of the next cell in turn between that cell and a new one. Readers without the
 * lock look only at cells, so the new cell is filled before it is published, and the old one is
 * emptied after that. */
static void split(struct stripe *stripe)
{
    uint32_t self = number_of(stripe), n = atomic_load(&stripe->ncells);
    uint32_t half = UINT32_C(1) << (31 - __builtin_clz(n));
    if (n >= CELLS_MAX || !lp_slab_segment(&cells, cell_number(self, n)))
        return; /* chains grow longer instead */
    _Atomic uint32_t *old = cell_at(cell_number(self, n - half));
    _Atomic uint32_t *new = cell_at(cell_number(self, n));
    uint32_t stay = 0, move = 0;
    for (uint32_t link = first_of(old), next; link; link = next) {
        struct lp_block *b = record_of(link);
        uint32_t *list = cell_index(hash_of(b->address), n + 1) == n ? &move : &stay;
        next = b->next;
        b->next = *list;
        *list = link;
    }
    atomic_store_explicit(new, chain_from(move), memory_order_release);
    atomic_store_explicit(&stripe->ncells, n + 1, memory_order_release);
    atomic_store_explicit(old, chain_from(stay), memory_order_release);
}

/* Makes room for one more record. false: the kernel refused the first cells. */
static inline bool grow(struct stripe *stripe)
{
    uint32_t n = atomic_load_explicit(&stripe->ncells, memory_order_relaxed);
    if (n > 0) {
        if (atomic_load_explicit(&stripe->live, memory_order_relaxed) >= n)
            split(stripe);
        return true;
    }
    if (!lp_slab_segment(&cells, cell_number(STRIPES - 1, CELLS_FIRST - 1)))
        return false;
    atomic_store_explicit(&stripe->ncells, CELLS_FIRST, memory_order_release);
    return true;
}

/* n records side by side. Returns the link to the first. 0: there is no room. */
static uint32_t fresh_records(uint32_t n)
{
    uint32_t i =
        lp_slab_count(&records) + n <= LP_BLOCKS_MAX ? lp_slab_add(&records, n) : LP_SLAB_FULL;
    return i == LP_SLAB_FULL ? 0 : i + 1;
}

/* Records on the same cache lines go to the same stripe. */
static uint32_t new_record(struct stripe *stripe)
{
    uint32_t link = stripe->spare;
    if (link) {
        stripe->spare = record_of(link)->next;
        return link;
    }
    if (!(link = fresh_records(RECORDS_AT_ONCE)))
        return fresh_records(1);
    for (uint32_t i = RECORDS_AT_ONCE - 1; i > 0; i--) {
        record_of(link + i)->next = stripe->spare;
        stripe->spare = link + i;
    }
    return link;
}

static inline void free_record(struct stripe *stripe, uint32_t link)
{
    struct lp_block *b = record_of(link);
    b->address = 0;
    b->weight = 0; /* a child may see the next user's address before the weight */
    b->next = stripe->spare;
    stripe->spare = link;
}

/* A record for late work, without a stripe's lock. */
static uint32_t late_record(void)
{
    uint32_t link = 0;
    if (lp_trylock(&common.lock)) {
        if ((link = common.spare))
            common.spare = record_of(link)->next;
        lp_unlock(&common.lock);
    }
    return link ? link : fresh_records(1);
}

/* Returns what late_record() gave. It becomes the stripe's if another thread is at the list. */
static void free_late_record(struct stripe *stripe, uint32_t link)
{
    free_record(stripe, link);
    if (!lp_trylock(&common.lock))
        return;
    stripe->spare = record_of(link)->next;
    record_of(link)->next = common.spare;
    common.spare = link;
    lp_unlock(&common.lock);
}

/* The cell for this hash, with room for one more record. Call under the lock. NULL: there is no
 * room. */
static _Atomic uint32_t *cell_for_one_more(struct stripe *stripe, uint32_t hash)
{
    return grow(stripe)
               ? cell_of(stripe, hash, atomic_load_explicit(&stripe->ncells, memory_order_relaxed))
               : NULL;
}

static inline void put(struct stripe *stripe, _Atomic uint32_t *cell, uint32_t hash, uint32_t link)
{
    struct lp_block *b = record_of(link);
    b->next = first_of(cell);
    atomic_store_explicit(cell, b->next ? link : tag_of(hash) << LINK_BITS | link,
                          memory_order_release);
    add_live(stripe, 1);
}

/* Unlinks the record of this address. 0: there is none. */
static inline uint32_t take(struct stripe *stripe, _Atomic uint32_t *cell, uintptr_t address)
{
    struct lp_block *before = NULL, *b;
    uint32_t first = first_of(cell), link = first;
    for (; link && (b = record_of(link))->address != address; link = b->next)
        before = b;
    if (!link)
        return 0;
    if (before)
        before->next = b->next;
    else
        first = b->next;
    atomic_store_explicit(cell, chain_from(first), memory_order_release);
    add_live(stripe, -1);
    return link;
}

static void freed(const struct lp_block *b)
{
    lp_site_free(b->site, b->size, b->weight);
}

/* Inserts `block`. Uses the given record if it is not 0. false: there is no room. */
static bool insert(struct stripe *stripe, const struct lp_block *block, uint32_t link)
{
    uint32_t hash = hash_of(block->address);
    _Atomic uint32_t *cell = cell_for_one_more(stripe, hash);
    if (!cell)
        return false;
    uint32_t stale = take(stripe, cell, block->address);
    if (stale) {
        freed(record_of(stale));
        free_record(stripe, stale);
        lp_block_counted(block->address, -1);
        lp_loss(LP_LOSS_FREE_MISSED);
    }
    if (!link) {
        if (!(link = new_record(stripe)))
            return false;
        *record_of(link) = *block;
    }
    put(stripe, cell, hash, link);
    return true;
}

static void insert_late(struct stripe *stripe, uint32_t link)
{
    struct lp_block *b = record_of(link);
    b->weight = -b->weight;
    if (!insert(stripe, b, link)) {
        uintptr_t address = b->address;
        freed(b);
        free_late_record(stripe, link);
        lp_block_counted(address, -1);
        lp_loss(LP_LOSS_BLOCKS_FULL);
    } else if (stripe->spare) {
        free_late_record(stripe, new_record(stripe)); /* for the one that the stripe now has */
    }
}

static void remove_late(struct stripe *stripe, uint32_t link)
{
    uintptr_t address = record_of(link)->address;
    uint32_t hash = hash_of(address), n = atomic_load(&stripe->ncells);
    uint32_t removed = n ? take(stripe, cell_of(stripe, hash, n), address) : 0;
    if (removed) {
        freed(record_of(removed));
        free_record(stripe, removed);
        lp_block_counted(address, -1);
    }
    free_late_record(stripe, link);
}

__attribute__((noinline)) static void catch_up(struct stripe *stripe)
{
    uint32_t list = atomic_exchange_explicit(&stripe->late, 0, memory_order_acquire), first = 0;
    for (uint32_t link = list, next; link; link = next) { /* oldest first */
        next = record_of(link)->next;
        record_of(link)->next = first;
        first = link;
    }
    for (uint32_t link = first, next; link; link = next) {
        next = record_of(link)->next;
        if (record_of(link)->weight < 0)
            insert_late(stripe, link);
        else
            remove_late(stripe, link);
        atomic_fetch_sub_explicit(&stripe->nlate, 1, memory_order_release);
    }
}

static inline bool hold(struct stripe *stripe, int patience_ms, struct lp_held *held)
{
    if (!lp_hold(&stripe->lock, patience_ms, held))
        return false;
    if (atomic_load_explicit(&stripe->nlate, memory_order_relaxed) != 0)
        catch_up(stripe);
    return true;
}

/* Does late work that was pushed too late for this holder and too early for the next: the last
 * thread to see it does it. */
__attribute__((noinline)) static void do_late(struct stripe *stripe)
{
    struct lp_held held;
    while (atomic_load(&stripe->late) != 0 && hold(stripe, LP_HOLD_TRY, &held))
        lp_release(&held);
}

static inline void release(struct stripe *stripe, struct lp_held *held)
{
    lp_release(held);
    if (atomic_load_explicit(&stripe->late, memory_order_relaxed) != 0)
        do_late(stripe);
}

/* false: there is no room for it. */
__attribute__((noinline)) static bool leave_late(struct stripe *stripe, const struct lp_block *work)
{
    uint32_t link = late_record();
    if (!link)
        return false;
    struct lp_block *b = record_of(link);
    *b = *work;
    atomic_fetch_add_explicit(&stripe->nlate, 1, memory_order_relaxed);
    b->next = atomic_load_explicit(&stripe->late, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&stripe->late, &b->next, link,
                                                  memory_order_seq_cst, memory_order_relaxed))
        ;
    do_late(stripe);
    return true;
}

bool lp_block_absent(uintptr_t address)
{
    uint32_t hash = hash_of(address), n;
    const struct stripe *stripe = stripe_of(address);
    if (atomic_load_explicit(&stripe->nlate, memory_order_acquire) != 0)
        return false;
    if ((n = atomic_load_explicit(&stripe->ncells, memory_order_acquire)) == 0)
        return true;
    uint32_t cell = atomic_load_explicit(cell_of(stripe, hash, n), memory_order_acquire);
    uint32_t tag = cell >> LINK_BITS;
    return (cell == 0 || (tag != 0 && tag != tag_of(hash))) &&
           atomic_load_explicit(&stripe->ncells, memory_order_relaxed) == n;
}

int lp_block_insert(const struct lp_block *block)
{
    struct stripe *stripe = stripe_of(block->address);
    struct lp_held held;
    bool done;

    lp_block_counted(block->address, 1);
    if (hold(stripe, LP_HOLD_BRIEFLY, &held)) {
        done = insert(stripe, block, 0);
        release(stripe, &held);
    } else {
        struct lp_block late = *block;
        late.weight = -late.weight;
        done = leave_late(stripe, &late);
    }
    if (!done) {
        lp_block_counted(block->address, -1);
        lp_loss(LP_LOSS_BLOCKS_FULL);
    }
    return done ? 0 : -ENOMEM;
}

int lp_block_remove(uintptr_t address, struct lp_block *block)
{
    uint32_t hash = hash_of(address);
    struct stripe *stripe = stripe_of(address);
    struct lp_held held;

    if (!hold(stripe, LP_HOLD_BRIEFLY, &held)) {
        if (leave_late(stripe, &(struct lp_block){.address = address}))
            return -EAGAIN;
        lp_loss(LP_LOSS_WAITED);
        return -ENOMEM;
    }
    atomic_store_explicit(&stripe->locked, stripe->locked + 1, memory_order_relaxed);
    uint32_t n = atomic_load_explicit(&stripe->ncells, memory_order_relaxed);
    uint32_t link = n ? take(stripe, cell_of(stripe, hash, n), address) : 0;
    if (link) {
        *block = *record_of(link);
        free_record(stripe, link);
        lp_block_counted(address, -1);
    } else if (n && n < 2 * atomic_load_explicit(&stripe->live, memory_order_relaxed)) {
        split(stripe); /* a failed search becomes rarer with more cells */
    }
    release(stripe, &held);
    return link ? 0 : -ENOENT;
}

uint32_t lp_blocks_live(void)
{
    uint32_t live = 0;
    for (int i = 0; i < STRIPES; i++)
        live += atomic_load_explicit(&stripes[i].live, memory_order_relaxed);
    return live;
}

uint64_t lp_blocks_locked(void)
{
    uint64_t locked = 0;
    for (int i = 0; i < STRIPES; i++)
        locked += atomic_load_explicit(&stripes[i].locked, memory_order_relaxed);
    return locked;
}

static void visit_stripe(uint32_t self, void (*visit)(const struct lp_block *block, void *arg),
                         void *arg)
{
    for (uint32_t i = 0, n = atomic_load(&stripes[self].ncells); i < n; i++) {
        _Atomic uint32_t *cell = cell_at(cell_number(self, i));
        for (uint32_t link = first_of(cell); link; link = record_of(link)->next)
            visit(record_of(link), arg);
    }
}

void lp_blocks_each(void (*visit)(const struct lp_block *block, void *arg), void *arg)
{
    for (uint32_t i = 0; i < STRIPES; i++) {
        struct lp_held held;
        if (!hold(&stripes[i], LP_HOLD_PROFILER, &held)) {
            lp_hold_lost(LP_HOLD_PROFILER);
            continue;
        }
        visit_stripe(i, visit, arg);
        release(&stripes[i], &held);
    }
}

void lp_blocks_before_fork(struct lp_blocks_held *held)
{
    for (int i = 0; i < STRIPES; i++)
        held->stripes[i] = lp_hold_for_fork(&stripes[i].lock);
}

/* In a child: rebuilds the chains of these stripes from the records. The threads that held their
 * locks do not exist in the child. */
static void rebuild(const struct lp_blocks_held *held)
{
    for (uint32_t i = 0; i < STRIPES; i++) {
        if (held->stripes[i] != LP_FORK_ABANDONED)
            continue;
        stripes[i].spare = 0;
        atomic_store(&stripes[i].live, 0);
        for (uint32_t c = 0, n = atomic_load(&stripes[i].ncells); c < n; c++)
            atomic_store(cell_at(cell_number(i, c)), 0);
    }
    for (uint32_t link = 1, n = lp_slab_count(&records); link <= n; link++) {
        struct lp_block *b = record_of(link);
        uint32_t hash = hash_of(b->address);
        struct stripe *stripe = stripe_of(b->address);
        if (b->address == 0 || b->weight <= 0 ||
            held->stripes[stripe - stripes] != LP_FORK_ABANDONED)
            continue;
        _Atomic uint32_t *cell = cell_for_one_more(stripe, hash);
        if (cell)
            put(stripe, cell, hash, link);
    }
}

/* In a child. Only the forking thread exists: no other thread is leaving late work or holds a lock,
 * except as `held` says. */
static void settle(const struct lp_blocks_held *held)
{
    bool abandoned = false;
    if (!lp_trylock(&common.lock))
        common.spare = 0; /* half changed, by a thread that does not exist here */
    lp_unlock(&common.lock);
    for (int i = 0; i < STRIPES; i++)
        abandoned |= held->stripes[i] == LP_FORK_ABANDONED;
    if (abandoned)
        rebuild(held);
    for (int i = 0; i < STRIPES; i++) {
        if (held->stripes[i] == LP_FORK_BELOW)
            continue; /* which late work and records it needs is not known */
        if (atomic_load(&stripes[i].nlate) != 0) {
            catch_up(&stripes[i]);
            atomic_store(&stripes[i].nlate, 0);
        }
    }
}

void lp_blocks_after_fork(const struct lp_blocks_held *held, bool child)
{
    if (child)
        settle(held);
    for (int i = STRIPES - 1; i >= 0; i--) {
        lp_hold_forked(&stripes[i].lock, held->stripes[i], child);
        do_late(&stripes[i]);
    }
}
