/*
 * A hash table from 64-bit keys to numbers, by open addressing.
 */
#ifndef LP_WRITE_IDS_H
#define LP_WRITE_IDS_H

#include <stddef.h>
#include <stdint.h>

struct lp_ids { /* all zero: empty */
    uint64_t *keys;
    uint32_t *ids; /* 0: an empty slot */
    size_t n, room;
};

/* Where the number of this key is, or, being 0, is to be written before the next call. Valid until
 * then. NULL when memory is out. */
uint32_t *lp_ids_slot(struct lp_ids *ids, uint64_t key);
void lp_ids_release(struct lp_ids *ids);

#endif
