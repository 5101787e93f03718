/*
 * Memory for names: blocks and texts that are released all at once. It comes from the kernel and
 * not from malloc: names live long, and between libdw's short-lived blocks they would keep pages
 * from being returned. Each text is stored once. Profiler's thread only.
 */
#ifndef LP_SYMBOLIZE_POOL_H
#define LP_SYMBOLIZE_POOL_H

#include <stddef.h>

#include "sys/table.h"

struct lp_pool { /* all zero: empty */
    struct lp_pool_chunk *chunks;
    struct lp_table texts;
    size_t bytes; /* of all its memory */
};

/* Zeroed memory, aligned to 8. NULL: no memory. */
void *lp_pool_take(struct lp_pool *pool, size_t bytes);

/* The pool's copy of this text, safe for printing (clean.h). "" if there is no memory. */
const char *lp_pool_text(struct lp_pool *pool, const char *text);

/* Empties the pool. A small pool keeps its memory for reuse. */
void lp_pool_clear(struct lp_pool *pool);
void lp_pool_release(struct lp_pool *pool);

#endif
