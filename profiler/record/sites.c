#include "record/sites.h"

#include <stdatomic.h>
#include <stdbool.h>

#include "record/capacity.h"
#include "record/self.h"
#include "sys/index.h"
#include "sys/losses.h"
#include "sys/maths.h"
#include "sys/slab.h"

/* Objects are counted in units of 1/65536, in integers. A free then subtracts exactly what its
 * allocation added; sums of doubles would drift. */
#define OBJECT_UNIT 65536.0

/* Sums over the allocations, or over the frees. Bytes are objects times the site's size. off_bytes
 * corrects that for blocks of other sizes that share the site by size class. */
struct tally {
    _Atomic uint64_t objects; /* in OBJECT_UNIT */
    _Atomic int64_t off_bytes;
    _Atomic double objects_var, bytes_var;
};

struct site {
    struct lp_index_links links;
    uint32_t stack;
    _Atomic uint16_t changes; /* how often another thread than before has counted here */
    _Atomic uint8_t thread;   /* the last one, by its share */
    _Atomic uint32_t shares;  /* number of the first of SHARES shares, plus one; 0: none */
    uint64_t size;
    struct tally allocs, frees;
};

/* Where several threads allocate and free with the same stack, each would wait for the cache line
 * that the other has just written. So they count in shares, each on a cache line of its own: one
 * for each thread, or for a few. Only exact samples are that frequent. */
enum { SHARES = 8, SHARED_AFTER = 1000, SHARED_SITES_MAX = 1 << 14 };
struct share {
    _Alignas(64) _Atomic uint64_t allocs, frees; /* objects, in OBJECT_UNIT */
    _Atomic int64_t allocs_off, frees_off;       /* off_bytes */
};

enum { SEGMENT_SHIFT = 10 };

LP_SLAB(sites, sizeof(struct site), SEGMENT_SHIFT, LP_OWN_SITES);
LP_SLAB(shares, sizeof(struct share), 9, LP_OWN_SITES);
LP_SLAB(size_counts, sizeof(uint32_t), 12, LP_OWN_SITES);
LP_INDEX(table, &sites);

static struct site *site_of(uint32_t id)
{
    return lp_slab_get(&sites, id, sizeof(struct site), SEGMENT_SHIFT);
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

static uint64_t hash_of(uint32_t stack, uint64_t size)
{
    return lp_index_mix(stack ^ 0x9e3779b97f4a7c15u, size ^ 0xbf58476d1ce4e5b9u) *
           0xff51afd7ed558ccdu;
}

/* Follows the path to this site. LP_SITE_NONE: there is none. */
static uint32_t find(struct lp_index_path *path, uint32_t stack, uint64_t size)
{
    for (uint32_t i; (i = lp_index_next(&table, path)) != LP_INDEX_END;) {
        const struct site *s = site_of(i);
        if (s->stack == stack && s->size == size)
            return i;
    }
    return LP_SITE_NONE;
}

/* Counts one more size for this stack. false: it has all the exact sizes it may have. */
static bool may_be_exact(uint32_t stack)
{
    if (!lp_slab_segment(&size_counts, stack))
        return false;
    _Atomic uint32_t *count = lp_slab_at(&size_counts, stack);
    return atomic_load_explicit(count, memory_order_relaxed) < LP_SITE_SIZES &&
           atomic_fetch_add_explicit(count, 1, memory_order_relaxed) < LP_SITE_SIZES;
}

static uint32_t new_site(uint32_t stack, uint64_t size)
{
    uint32_t i = lp_slab_count(&sites) < LP_SITES_MAX ? lp_slab_add(&sites, 1) : LP_SLAB_FULL;
    if (i == LP_SLAB_FULL)
        return LP_SITE_NONE;
    struct site *s = site_of(i);
    s->stack = stack;
    s->size = size;
    return i;
}

static uint32_t get(uint32_t stack, uint64_t size, bool exact)
{
    struct lp_index_path path = lp_index_path(&table, hash_of(stack, size));
    uint32_t fresh = LP_SITE_NONE;
    for (;;) {
        uint32_t i = find(&path, stack, size);
        if (i != LP_SITE_NONE)
            return i; /* if another thread has just added it, the new one stays unused */
        if (fresh == LP_SITE_NONE && exact && !may_be_exact(stack)) {
            uint64_t class = size_class(size);
            if (class != size)
                return get(stack, class, false);
        }
        if (fresh == LP_SITE_NONE && (fresh = new_site(stack, size)) == LP_SITE_NONE) {
            lp_loss(LP_LOSS_SITES_FULL);
            return LP_SITE_NONE;
        }
        if (lp_index_put(&path, fresh))
            return fresh;
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

/* The share of this thread. NULL: the site has none. */
static struct share *share_of(struct site *s)
{
    static _Atomic uint32_t threads;
    if (lp_self.share == 0)
        lp_self.share = (uint8_t)(1 + atomic_fetch_add(&threads, 1) % SHARES);
    uint32_t first = atomic_load_explicit(&s->shares, memory_order_acquire), fresh;
    if (first)
        return lp_slab_get(&shares, first - 1 + lp_self.share - 1, sizeof(struct share), 9);
    if (atomic_load_explicit(&s->thread, memory_order_relaxed) == lp_self.share)
        return NULL;
    uint16_t changes = atomic_load_explicit(&s->changes, memory_order_relaxed);
    atomic_store_explicit(&s->thread, lp_self.share, memory_order_relaxed);
    atomic_store_explicit(&s->changes, changes < SHARED_AFTER ? changes + 1 : changes,
                          memory_order_relaxed);
    if (changes != SHARED_AFTER - 1 || lp_slab_count(&shares) >= SHARED_SITES_MAX * SHARES ||
        (fresh = lp_slab_add(&shares, SHARES)) == LP_SLAB_FULL)
        return NULL;
    atomic_compare_exchange_strong(&s->shares, &first, fresh + 1); /* or another's; from now on */
    return NULL;
}

static void add_exact(_Atomic uint64_t *objects, _Atomic int64_t *off_bytes, int64_t off)
{
    atomic_fetch_add_explicit(objects, (uint64_t)OBJECT_UNIT, memory_order_relaxed);
    if (off)
        atomic_fetch_add_explicit(off_bytes, off, memory_order_relaxed);
}

static void add_sampled(struct tally *tally, uint64_t site_size, uint64_t size, float weight)
{
    double w = weight, s = (double)size;
    int64_t off = size == site_size ? 0 : lp_round(w * (s - (double)site_size));
    atomic_fetch_add_explicit(&tally->objects, (uint64_t)(w * OBJECT_UNIT + 0.5),
                              memory_order_relaxed);
    if (off)
        atomic_fetch_add_explicit(&tally->off_bytes, off, memory_order_relaxed);
    double var = w * (w - 1); /* (1-p)/p^2 with w = 1/p */
    add_double(&tally->objects_var, var);
    add_double(&tally->bytes_var, var * s * s);
}

static int64_t bytes_of(uint64_t objects, int64_t off_bytes, uint64_t size)
{
    return (int64_t)((unsigned __int128)objects * size / (uint64_t)OBJECT_UNIT) + off_bytes;
}

void lp_site_alloc(uint32_t site, uint64_t size, float weight)
{
    struct site *s = site_of(site);
    if (weight != 1.0f) {
        add_sampled(&s->allocs, s->size, size, weight);
        return;
    }
    struct share *share = share_of(s);
    add_exact(share ? &share->allocs : &s->allocs.objects,
              share ? &share->allocs_off : &s->allocs.off_bytes, (int64_t)(size - s->size));
}

void lp_site_free(uint32_t site, uint64_t size, float weight)
{
    struct site *s = site_of(site);
    if (weight != 1.0f) {
        add_sampled(&s->frees, s->size, size, weight);
        return;
    }
    struct share *share = share_of(s);
    add_exact(share ? &share->frees : &s->frees.objects,
              share ? &share->frees_off : &s->frees.off_bytes, (int64_t)(size - s->size));
}

uint32_t lp_site_count(void)
{
    return lp_slab_count(&sites);
}

static double at_least_0(double x)
{
    return x > 0 ? x : 0;
}

/* What is in the shares of a site. */
static void add_shares(const struct site *s, bool frees, uint64_t *objects, int64_t *off)
{
    uint32_t first = atomic_load_explicit(&s->shares, memory_order_acquire);
    for (uint32_t i = 0; first && i < SHARES; i++) {
        struct share *share = lp_slab_get(&shares, first - 1 + i, sizeof *share, 9);
        *objects += atomic_load(frees ? &share->frees : &share->allocs);
        *off += atomic_load(frees ? &share->frees_off : &share->allocs_off);
    }
}

void lp_site_read(uint32_t i, struct lp_site_figures *f)
{
    struct site *s = site_of(i);
    struct tally *a = &s->allocs, *r = &s->frees;

    /* Frees are read first. A block that is allocated and freed meanwhile may be missed, but the
     * figures never become negative. */
    uint64_t gone_objects = atomic_load(&r->objects);
    int64_t gone_off = atomic_load(&r->off_bytes);
    double gone_objects_var = atomic_load(&r->objects_var),
           gone_bytes_var = atomic_load(&r->bytes_var);
    add_shares(s, true, &gone_objects, &gone_off);
    uint64_t came_objects = atomic_load(&a->objects);
    int64_t came_off = atomic_load(&a->off_bytes);
    add_shares(s, false, &came_objects, &came_off);

    f->stack = s->stack;
    f->size = s->size;
    f->alloc_objects = lp_round((double)came_objects / OBJECT_UNIT);
    f->alloc_bytes = bytes_of(came_objects, came_off, s->size);
    f->alloc_objects_var = atomic_load(&a->objects_var);
    f->alloc_bytes_var = atomic_load(&a->bytes_var);
    f->inuse_objects = lp_round((double)(came_objects - gone_objects) / OBJECT_UNIT);
    f->inuse_bytes = bytes_of(came_objects - gone_objects, came_off - gone_off, s->size);
    bool any = came_objects != gone_objects; /* doubles drift; if nothing is live, they are 0 */
    f->inuse_objects_var = any ? at_least_0(f->alloc_objects_var - gone_objects_var) : 0;
    f->inuse_bytes_var = any ? at_least_0(f->alloc_bytes_var - gone_bytes_var) : 0;
}
