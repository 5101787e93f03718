/*
 * Shards of a few slots, each with a lock of a word that is held for some ten instructions. Fork
 * does not take them: the child forgets all that is in here, locks included.
 */
#include "record/contention.h"

#include <string.h>
#include <time.h>

#include "record/capacity.h"
#include "sys/lock.h"
#include "sys/losses.h"

enum { SLOTS = 16, SHARDS = LP_CONTENDED_MAX / SLOTS };

struct slot {
    const void *lock;   /* NULL: free */
    uint64_t n;         /* how many wait */
    uint64_t since_ns;  /* the sum of when they began, or were last charged; may wrap around */
    int64_t owed_ns;    /* what those waited who gave up meanwhile */
    int64_t charged_ns; /* when somebody last let go */
};

/* Protected by its lock, but for `used`, which unlockers look at before they take it. */
static struct shard {
    struct lp_lock lock;
    _Atomic uint32_t used;
    struct slot slots[SLOTS];
} shards[SHARDS];

_Atomic uint32_t lp_contended;
static atomic_bool touched; /* else a forked child need not look */

static struct shard *shard_of(const void *lock)
{
    return &shards[((uintptr_t)lock * 0x9e3779b97f4a7c15u >> 32) % SHARDS];
}

static struct slot *find(struct shard *shard, const void *lock)
{
    for (int i = 0; i < SLOTS; i++)
        if (shard->slots[i].lock == lock)
            return &shard->slots[i];
    return NULL;
}

static struct slot *find_or_make(struct shard *shard, const void *lock)
{
    struct slot *slot = find(shard, lock);
    if (slot || !(slot = find(shard, NULL)))
        return slot;
    *slot = (struct slot){.lock = lock};
    atomic_fetch_add_explicit(&shard->used, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&lp_contended, 1, memory_order_relaxed);
    return slot;
}

/* Since when somebody has waited who began then, and whom nobody was charged for yet. */
static int64_t since(const struct slot *slot, int64_t began_ns)
{
    return began_ns > slot->charged_ns ? began_ns : slot->charged_ns;
}

static void drop_if_done(struct shard *shard, struct slot *slot)
{
    if (slot->n > 0 || slot->owed_ns > 0)
        return;
    slot->lock = NULL;
    atomic_fetch_sub_explicit(&shard->used, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&lp_contended, 1, memory_order_relaxed);
}

bool lp_contention_begin(const void *lock, int64_t now_ns)
{
    struct shard *shard = shard_of(lock);
    atomic_store_explicit(&touched, true, memory_order_relaxed);
    lp_lock(&shard->lock);
    struct slot *slot = find_or_make(shard, lock);
    if (slot) {
        slot->n++;
        slot->since_ns += (uint64_t)since(slot, now_ns);
    }
    lp_unlock(&shard->lock);
    if (!slot)
        lp_loss(LP_LOSS_LOCKS_FULL);
    return slot != NULL;
}

void lp_contention_end(const void *lock, int64_t began_ns, int64_t now_ns, bool gave_up)
{
    struct shard *shard = shard_of(lock);
    lp_lock(&shard->lock);
    struct slot *slot = find(shard, lock);
    if (slot && slot->n > 0) { /* else this process was forked since */
        int64_t from = since(slot, began_ns);
        slot->n--;
        slot->since_ns -= (uint64_t)from;
        if (gave_up && now_ns > from)
            slot->owed_ns += now_ns - from;
        drop_if_done(shard, slot);
    }
    lp_unlock(&shard->lock);
}

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t lp_contention_charge(const void *lock)
{
    struct shard *shard = shard_of(lock);
    int64_t ns = 0;
    if (atomic_load_explicit(&shard->used, memory_order_relaxed) == 0)
        return 0;
    lp_lock(&shard->lock);
    struct slot *slot = find(shard, lock);
    if (slot) {
        int64_t now_ns = now();
        ns = slot->owed_ns + (int64_t)(slot->n * (uint64_t)now_ns - slot->since_ns);
        slot->owed_ns = 0;
        slot->since_ns = slot->n * (uint64_t)now_ns;
        slot->charged_ns = now_ns;
        drop_if_done(shard, slot);
    }
    lp_unlock(&shard->lock);
    return ns;
}

void lp_contention_refund(const void *lock, int64_t ns)
{
    struct shard *shard = shard_of(lock);
    lp_lock(&shard->lock);
    struct slot *slot = find_or_make(shard, lock);
    if (slot)
        slot->owed_ns += ns;
    lp_unlock(&shard->lock);
}

void lp_contention_forget(void)
{
    for (int i = 0; i < SHARDS && atomic_load(&touched); i++)
        if (atomic_load(&shards[i].lock.state) || atomic_load(&shards[i].used))
            memset((void *)&shards[i], 0, sizeof shards[i]);
    atomic_store(&lp_contended, 0);
}
