#include "record/sites.h"

#include <stdatomic.h>
#include <stdbool.h>

#include "record/capacity.h"
#include "sys/losses.h"
#include "sys/maths.h"
#include "sys/slab.h"

enum { BUCKETS = 1 << 16 };

/* Objects are counted in 1/65536 so that what a free takes away is to the bit what the allocation
 * added: sums of doubles would drift. */
#define OBJECT_UNIT 65536.0

/* One side of the books: what came, or what went. Blocks have the site's size, so that bytes follow
 * from objects; `off` is what those that share the site by size class differ from it. */
struct tally {
    _Atomic uint64_t objects; /* in OBJECT_UNIT */
    _Atomic int64_t off_bytes;
    _Atomic double objects_var, bytes_var;
};

struct site {
    uint32_t stack;
    uint32_t next; /* in the chain, 1-based */
    uint64_t size;
    struct tally allocs, frees;
};

static struct lp_slab sites = LP_SLAB(sizeof(struct site), 10, LP_OWN_SITES);
static struct lp_slab size_counts = LP_SLAB(sizeof(uint32_t), 12, LP_OWN_SITES);
static _Atomic uint32_t buckets[BUCKETS];

static struct site *site_of(uint32_t id)
{
    return lp_slab_at(&sites, id);
}

static uint64_t size_class(uint64_t size)
{
    if (size <= 1024)
        return (size + 15) & ~15ull;
    if (size > UINT64_MAX / 2)
        return size;
    uint64_t step = 1ull << (63 - __builtin_clzll(size - 1) - 3);
    return (size + step - 1) & ~(step - 1);
}

static uint32_t hash_of(uint32_t stack, uint64_t size)
{
    uint64_t h = (stack * 0x9e3779b97f4a7c15u) ^ (size * 0xc2b2ae3d27d4eb4fu);
    return (uint32_t)((h ^ h >> 32) % BUCKETS);
}

static uint32_t find(uint32_t link, uint32_t until, uint32_t stack, uint64_t size)
{
    for (; link != until; link = site_of(link - 1)->next) {
        const struct site *s = site_of(link - 1);
        if (s->stack == stack && s->size == size)
            return link - 1;
    }
    return LP_SITE_NONE;
}

/* Counts one more size for this stack; false when it has had its share of exact ones. */
static bool may_be_exact(uint32_t stack)
{
    if (!lp_slab_segment(&size_counts, stack))
        return false;
    _Atomic uint32_t *count = lp_slab_at(&size_counts, stack);
    return atomic_load_explicit(count, memory_order_relaxed) < LP_SITE_SIZES &&
           atomic_fetch_add_explicit(count, 1, memory_order_relaxed) < LP_SITE_SIZES;
}

static uint32_t get(uint32_t stack, uint64_t size, bool exact)
{
    _Atomic uint32_t *bucket = &buckets[hash_of(stack, size)];
    uint32_t head = atomic_load_explicit(bucket, memory_order_acquire);
    uint32_t id = find(head, 0, stack, size);
    if (id != LP_SITE_NONE)
        return id;
    if (exact && !may_be_exact(stack)) {
        uint64_t class = size_class(size);
        if (class != size)
            return get(stack, class, false);
    }

    uint32_t fresh = lp_slab_count(&sites) < LP_SITES_MAX ? lp_slab_add(&sites, 1) : LP_SLAB_FULL;
    if (fresh == LP_SLAB_FULL) {
        lp_loss(LP_LOSS_SITES_FULL);
        return LP_SITE_NONE;
    }
    struct site *s = site_of(fresh);
    s->stack = stack;
    s->size = size;
    for (;;) {
        uint32_t seen = s->next = head;
        if (atomic_compare_exchange_strong_explicit(bucket, &head, fresh + 1, memory_order_acq_rel,
                                                    memory_order_acquire))
            return fresh;
        if ((id = find(head, seen, stack, size)) != LP_SITE_NONE)
            return id; /* the fresh one stays unused, all zero */
    }
}

uint32_t lp_site_get(uint32_t stack, uint64_t size)
{
    return get(stack, size, true);
}

static void add_double(_Atomic double *sum, double value)
{
    double seen = atomic_load_explicit(sum, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(sum, &seen, seen + value, memory_order_relaxed,
                                                  memory_order_relaxed))
        ;
}

static void add(struct tally *tally, uint64_t site_size, uint64_t size, float weight)
{
    double w = weight, s = (double)size;
    uint64_t objects = (uint64_t)(w * OBJECT_UNIT + 0.5);

    atomic_fetch_add_explicit(&tally->objects, objects, memory_order_relaxed);
    if (size != site_size)
        atomic_fetch_add_explicit(&tally->off_bytes, lp_round(w * (s - (double)site_size)),
                                  memory_order_relaxed);
    if (weight != 1.0f) {
        double var = w * (w - 1); /* (1-p)/p^2 with w = 1/p */
        add_double(&tally->objects_var, var);
        add_double(&tally->bytes_var, var * s * s);
    }
}

static int64_t bytes_of(uint64_t objects, int64_t off_bytes, uint64_t size)
{
    return (int64_t)((unsigned __int128)objects * size / (uint64_t)OBJECT_UNIT) + off_bytes;
}

void lp_site_alloc(uint32_t site, uint64_t size, float weight)
{
    struct site *s = site_of(site);
    add(&s->allocs, s->size, size, weight);
}

void lp_site_free(uint32_t site, uint64_t size, float weight)
{
    struct site *s = site_of(site);
    add(&s->frees, s->size, size, weight);
}

uint32_t lp_site_count(void)
{
    return lp_slab_count(&sites);
}

static double at_least_0(double x)
{
    return x > 0 ? x : 0;
}

void lp_site_read(uint32_t i, struct lp_site_figures *f)
{
    struct site *s = site_of(i);
    struct tally *a = &s->allocs, *r = &s->frees;

    /* Frees first: each was an allocation before, so a block that comes and goes meanwhile may be
     * missed but never makes the figures negative. */
    uint64_t gone_objects = atomic_load(&r->objects);
    int64_t gone_off = atomic_load(&r->off_bytes);
    double gone_objects_var = atomic_load(&r->objects_var),
           gone_bytes_var = atomic_load(&r->bytes_var);
    uint64_t came_objects = atomic_load(&a->objects);
    int64_t came_off = atomic_load(&a->off_bytes);

    f->stack = s->stack;
    f->size = s->size;
    f->alloc_objects = lp_round((double)came_objects / OBJECT_UNIT);
    f->alloc_bytes = bytes_of(came_objects, came_off, s->size);
    f->alloc_objects_var = atomic_load(&a->objects_var);
    f->alloc_bytes_var = atomic_load(&a->bytes_var);
    f->inuse_objects = lp_round((double)(came_objects - gone_objects) / OBJECT_UNIT);
    f->inuse_bytes = bytes_of(came_objects - gone_objects, came_off - gone_off, s->size);
    bool any = came_objects != gone_objects; /* doubles drift; nothing live, no variance */
    f->inuse_objects_var = any ? at_least_0(f->alloc_objects_var - gone_objects_var) : 0;
    f->inuse_bytes_var = any ? at_least_0(f->alloc_bytes_var - gone_bytes_var) : 0;
}
