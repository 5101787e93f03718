/*
 * A hash index that only grows: it finds the number of an item in a slab by a 64-bit hash.
 *
 * It is an array of small trees. The first bits of the hash choose the tree, every three further
 * bits choose one of eight links in an item. A look-up follows the links until the item is found or
 * a link is empty, and a new item goes into that empty link by one compare-and-swap. Items are
 * never removed and never move. This is why:
 *   - readers and writers need no lock, in any thread and any signal handler;
 *   - nothing is ever rehashed, so no call is slower than the others;
 *   - a thread that stops anywhere, or that a forked child does not have, leaves a complete index;
 *   - the array is one page, and the memory for links is part of the items: a forked child that
 *     adds a few items gets copies of a few pages.
 *
 * n items take 1 + log8(n / LP_INDEX_TREES) steps on average, but at least one: 1 up to a
 * thousand, 4 for a million, 5 for LP_STACKS_MAX. Two alternatives were considered. A chain of
 * ever larger bucket arrays needs a search in each of them. A split-ordered list needs two steps at
 * any size, but also a dummy item for each bucket, lazy initialization, and one more array.
 *
 * Tables from which items are removed cannot use this: see record/blocks.c and record/threads.c.
 *
 * The items' type begins with a struct lp_index_links, which is all zero in a new item. To find an
 * item or add it:
 *
 *   struct lp_index_path path = lp_index_path(&index, hash);
 *   for (;;) {
 *       while ((item = lp_index_next(&index, &path)) != LP_INDEX_END)
 *           if (it is the one)
 *               return item;
 *       if (there is no new item yet)
 *           make one and fill it in;
 *       if (lp_index_put(&path, new))
 *           return new;
 *   }
 */
#ifndef LP_SYS_INDEX_H
#define LP_SYS_INDEX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "sys/slab.h"

enum {
    LP_INDEX_BITS = 10,
    LP_INDEX_TREES = 1 << LP_INDEX_BITS,
    LP_INDEX_LINK_BITS = 3,
};
#define LP_INDEX_END UINT32_MAX

struct lp_index_links {
    _Atomic uint32_t to[1 << LP_INDEX_LINK_BITS]; /* numbers of items, plus one; 0: empty */
};

struct lp_index_trees {
    _Atomic uint32_t first[LP_INDEX_TREES]; /* as links are */
};

struct lp_index {
    struct lp_slab *items;
    struct lp_index_trees *trees;
};

/* Defines an index with static storage. */
#define LP_INDEX(name, items_)                                                                     \
    static LP_APART struct lp_index_trees name##_trees;                                            \
    static struct lp_index name = {.items = (items_), .trees = &name##_trees}

/* How far a look-up has come. */
struct lp_index_path {
    _Atomic uint32_t *link;
    uint64_t hash; /* the remaining bits, highest first, then zeros */
};

static inline struct lp_index_path lp_index_path(struct lp_index *index, uint64_t hash)
{
    return (struct lp_index_path){&index->trees->first[hash >> (64 - LP_INDEX_BITS)],
                                  hash << LP_INDEX_BITS};
}

/* Returns the number of the next candidate. LP_INDEX_END: there is none. */
static inline uint32_t lp_index_next(const struct lp_index *index, struct lp_index_path *path)
{
    uint32_t link = atomic_load_explicit(path->link, memory_order_acquire);
    if (link == 0)
        return LP_INDEX_END;
    struct lp_index_links *links = lp_slab_at(index->items, link - 1);
    path->link = &links->to[path->hash >> (64 - LP_INDEX_LINK_BITS)];
    path->hash <<= LP_INDEX_LINK_BITS;
    return link - 1;
}

/* Adds a complete item where the path has ended. false: another thread has added one there;
 * continue with lp_index_next(). */
static inline bool lp_index_put(const struct lp_index_path *path, uint32_t item)
{
    uint32_t empty = 0;
    return atomic_compare_exchange_strong_explicit(path->link, &empty, item + 1,
                                                   memory_order_release, memory_order_relaxed);
}

/* Hashes two words into one. Every bit of both counts. A sum of products is not good enough:
 * addresses differ in a few regular steps, and such sums collide. */
static inline uint64_t lp_index_mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

#endif
