/*
 * A hash table from 64-bit keys to numbers, by open addressing.
 */
#ifndef LP_WRITE_IDS_H
#define LP_WRITE_IDS_H

#include <stddef.h>
#include <stdint.h>

struct lp_ids { /* zeroed: empty */
    uint64_t *keys;
    uint32_t *ids; /* 0: an empty slot */
    size_t n, room;
};

/* Returns where the number of this key is stored. If it is 0, the key is new, and its number must
 * be written there. Valid until the next call. NULL: no memory. */
uint32_t *lp_ids_slot(struct lp_ids *ids, uint64_t key);
void lp_ids_release(struct lp_ids *ids);

#endif
