/*
 * Shards of a few slots, each with a lock that is held for some ten instructions. fork() does not
 * take these locks: the child resets everything here, including the locks.
 *
 * sys/index.h is not used here. A slot is in use only while a thread waits, so there are few, they
 * are reused at once, and a search through sixteen of them is short.
 */
#include "record/contention.h"

#include <string.h>

#include "record/capacity.h"
#include "sys/clock.h"
#include "sys/hold.h"
#include "sys/losses.h"
#include "sys/pages.h"

enum { SLOTS = 16, SHARDS = LP_CONTENDED_MAX / SLOTS };

struct slot {
    const void *lock;   /* NULL: free */
    uint64_t n;         /* number of waiting threads */
    uint64_t since_ns;  /* sum of when they began to wait, or were last charged; may wrap */
    int64_t owed_ns;    /* time waited by threads that gave up, not yet charged */
    int64_t charged_ns; /* when the lock was last released */
};

/* Protected by its lock, except the atomic members. */
static LP_APART struct shard {
    struct lp_lock lock;
    _Atomic uint32_t used; /* slots in use; unlockers read it before they take the lock */
    _Atomic uint32_t
        missed;          /* ends of waits that could not be entered: the next holder forgets all */
    uint32_t generation; /* how often that was done; a wait belongs to the generation it began in */
    struct slot slots[SLOTS];
} shards[SHARDS];

_Atomic uint32_t lp_contended;
static atomic_bool touched; /* false: a forked child has nothing to reset */

static struct shard *shard_of(const void *lock)
{
    return &shards[((uintptr_t)lock * 0x9e3779b97f4a7c15u >> 32) % SHARDS];
}

static void forget_waits(struct shard *shard)
{
    uint32_t used = atomic_load_explicit(&shard->used, memory_order_relaxed);
    memset(shard->slots, 0, sizeof shard->slots);
    shard->generation++;
    atomic_fetch_sub_explicit(&lp_contended, used, memory_order_relaxed);
    atomic_store_explicit(&shard->used, 0, memory_order_relaxed);
}

/* false: not held, counted as a loss. */
static bool hold(struct shard *shard, struct lp_held *held)
{
    if (!lp_hold(&shard->lock, LP_HOLD_PROGRAM, held)) {
        lp_hold_lost(LP_HOLD_PROGRAM);
        return false;
    }
    if (atomic_load_explicit(&shard->missed, memory_order_relaxed) != 0 &&
        atomic_exchange(&shard->missed, 0) != 0)
        forget_waits(shard);
    return true;
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

/* From when on a wait that began at began_ns has not been charged. */
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

uint32_t lp_contention_begin(const void *lock, int64_t now_ns)
{
    struct shard *shard = shard_of(lock);
    struct lp_held held;
    atomic_store_explicit(&touched, true, memory_order_relaxed);
    if (!hold(shard, &held))
        return 0;
    struct slot *slot = find_or_make(shard, lock);
    uint32_t begun = slot ? (shard->generation << 1 | 1) : 0;
    if (slot) {
        slot->n++;
        slot->since_ns += (uint64_t)since(slot, now_ns);
    }
    lp_release(&held);
    if (!slot)
        lp_loss(LP_LOSS_LOCKS_FULL);
    return begun;
}

void lp_contention_end(const void *lock, uint32_t begun, int64_t began_ns, int64_t now_ns,
                       bool gave_up)
{
    struct shard *shard = shard_of(lock);
    struct lp_held held;
    if (!hold(shard, &held)) {
        atomic_store(&shard->missed, 1);
        return;
    }
    struct slot *slot = begun == (shard->generation << 1 | 1) ? find(shard, lock) : NULL;
    if (slot && slot->n > 0) { /* else this process was forked since */
        int64_t from = since(slot, began_ns);
        slot->n--;
        slot->since_ns -= (uint64_t)from;
        if (gave_up && now_ns > from)
            slot->owed_ns += now_ns - from;
        drop_if_done(shard, slot);
    }
    lp_release(&held);
}

int64_t lp_contention_charge(const void *lock)
{
    struct shard *shard = shard_of(lock);
    struct lp_held held;
    int64_t ns = 0;
    if (atomic_load_explicit(&shard->used, memory_order_relaxed) == 0 || !hold(shard, &held))
        return 0;
    struct slot *slot = find(shard, lock);
    if (slot) {
        int64_t now_ns = lp_now_ns();
        ns = slot->owed_ns + (int64_t)(slot->n * (uint64_t)now_ns - slot->since_ns);
        slot->owed_ns = 0;
        slot->since_ns = slot->n * (uint64_t)now_ns;
        slot->charged_ns = now_ns;
        drop_if_done(shard, slot);
    }
    lp_release(&held);
    return ns;
}

void lp_contention_refund(const void *lock, int64_t ns)
{
    struct shard *shard = shard_of(lock);
    struct lp_held held;
    if (!hold(shard, &held))
        return;
    struct slot *slot = find_or_make(shard, lock);
    if (slot)
        slot->owed_ns += ns;
    lp_release(&held);
}

void lp_contention_forget(void)
{
    for (int i = 0; i < SHARDS && atomic_load(&touched); i++)
        if (atomic_load(&shards[i].lock.state) || atomic_load(&shards[i].used))
            memset((void *)&shards[i], 0, sizeof shards[i]);
    atomic_store(&lp_contended, 0);
}
