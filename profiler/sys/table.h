/*
 * A hash table from 64-bit hashes to 64-bit values, by open addressing, at most half full. It grows
 * in the profiler's own memory (sys/pages.h). Profiler's thread only: what every thread uses is
 * found by sys/index.h.
 *
 *   struct lp_table_slot *slot = lp_table_slot(&table, hash, is_it, key);
 *   if (slot && !slot->value)
 *       lp_table_fill(&table, slot, (a new item));
 */
#ifndef LP_SYS_TABLE_H
#define LP_SYS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sys/pages.h"

struct lp_table_slot {
    uint64_t hash, value; /* value 0: empty */
};

struct lp_table {
    enum lp_own kind;
    struct lp_table_slot *slots;
    size_t n, capacity;
};

/* Is this value the one for the key? */
typedef bool lp_table_is(uint64_t value, const void *key);

/* The slot of the key, or an empty one that may be filled. `is` is called for values with the same
 * hash. NULL: the hash alone decides. Returns NULL if memory is out. The slot is valid until the
 * next call. */
struct lp_table_slot *lp_table_slot(struct lp_table *table, uint64_t hash, lp_table_is *is,
                                    const void *key);

void lp_table_fill(struct lp_table *table, struct lp_table_slot *slot, uint64_t value);

/* The value of the key; 0: there is none. */
uint64_t lp_table_find(const struct lp_table *table, uint64_t hash, lp_table_is *is,
                       const void *key);

size_t lp_table_bytes(const struct lp_table *table);
void lp_table_clear(struct lp_table *table); /* keeps the memory */
void lp_table_release(struct lp_table *table);

/* Hashes. lp_table_mix() gives different numbers different hashes. */
static inline uint64_t lp_table_mix(uint64_t x)
{
    x ^= x >> 31;
    x *= 0x9e3779b97f4a7c15;
    return x ^ x >> 29;
}

/* Of a text, together with what `with` is the hash of. */
static inline uint64_t lp_table_hash_text(const char *text, uint64_t with)
{
    uint64_t hash = 0xcbf29ce484222325 ^ with;
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3;
    return hash ^ hash >> 32;
}

#endif
