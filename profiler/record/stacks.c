/*
 * A hash table of chains that only ever grow at their head. A chain is read without a lock; a new
 * stack is written in full before one compare-and-swap makes it visible. The loser of a race looks
 * again at what came before it, so that no stack stands twice.
 */
#include "record/stacks.h"

#include <stdatomic.h>
#include <string.h>

#include "record/capacity.h"
#include "sys/losses.h"
#include "sys/slab.h"

enum { BUCKETS = 1 << 16 };

struct entry {
    uint32_t hash;
    uint32_t next; /* number of the next in the chain; 0 ends it */
    uint32_t nframes;
    uint32_t words; /* where its frames begin in `words` */
};

static struct lp_slab entries = LP_SLAB(sizeof(struct entry), 11, LP_OWN_STACKS);
static struct lp_slab words = LP_SLAB(sizeof(uintptr_t), 14, LP_OWN_STACKS);
static _Atomic uint32_t buckets[BUCKETS];

/* Each frame by its own odd factor: the products do not wait for one another. */
static uint32_t hash_of(const uintptr_t *frames, uint32_t n)
{
    uint64_t h = n, factor = 0x9e3779b97f4a7c15u;
    for (uint32_t i = 0; i < n; i++, factor += 0xbf58476d1ce4e5bau)
        h += frames[i] * factor;
    h ^= h >> 32;
    h *= 0x94d049bb133111ebu;
    return (uint32_t)(h ^ h >> 29);
}

static struct entry *entry_of(uint32_t id)
{
    return lp_slab_at(&entries, id - LP_STACK_FIRST);
}

/* Looks through a chain from `id` up to, not including, `until`. */
static uint32_t find(uint32_t id, uint32_t until, uint32_t hash, const uintptr_t *frames,
                     uint32_t n)
{
    while (id != until) {
        const struct entry *e = entry_of(id);
        if (e->hash == hash && e->nframes == n &&
            memcmp(lp_slab_at(&words, e->words), frames, n * sizeof *frames) == 0)
            return id;
        id = e->next;
    }
    return LP_STACK_NONE;
}

uint32_t lp_stack_intern(const uintptr_t *frames, uint32_t n)
{
    if (n == 0)
        return LP_STACK_NONE;
    if (n > LP_FRAMES_MAX)
        n = LP_FRAMES_MAX;

    uint32_t hash = hash_of(frames, n);
    _Atomic uint32_t *bucket = &buckets[hash % BUCKETS];
    uint32_t head = atomic_load_explicit(bucket, memory_order_acquire);
    uint32_t id = find(head, 0, hash, frames, n);
    if (id)
        return id;

    uint32_t place = LP_SLAB_FULL, at = LP_SLAB_FULL;
    if (lp_slab_count(&entries) < LP_STACKS_MAX && (at = lp_slab_add(&words, n)) != LP_SLAB_FULL)
        place = lp_slab_add(&entries, 1);
    if (place == LP_SLAB_FULL) {
        lp_loss(LP_LOSS_STACKS_FULL);
        return LP_STACK_NONE;
    }
    memcpy(lp_slab_at(&words, at), frames, n * sizeof *frames);

    uint32_t fresh = place + LP_STACK_FIRST, seen = 0;
    struct entry *e = entry_of(fresh);
    *e = (struct entry){.hash = hash, .nframes = n, .words = at};
    for (;;) {
        e->next = seen = head;
        if (atomic_compare_exchange_strong_explicit(bucket, &head, fresh, memory_order_acq_rel,
                                                    memory_order_acquire))
            return fresh;
        if ((id = find(head, seen, hash, frames, n)))
            return id; /* the place taken above stays unused */
    }
}

struct lp_stack lp_stack_get(uint32_t id)
{
    if (id < LP_STACK_FIRST || id - LP_STACK_FIRST >= lp_slab_count(&entries))
        return (struct lp_stack){0, NULL};
    const struct entry *e = entry_of(id);
    return (struct lp_stack){e->nframes, lp_slab_at(&words, e->words)};
}

const char *lp_stack_special(uint32_t id)
{
    switch (id) {
    case LP_STACK_NONE:
        return "[no stack]";
    case LP_STACK_EARLIER:
        return "[made before the profiler looked]";
    case LP_STACK_SILENT:
        return "[thread did not answer]";
    default:
        return NULL;
    }
}

uint32_t lp_stack_count(void)
{
    return lp_slab_count(&entries);
}
