/*
 * Memory for names: blocks and texts that go away all at once. It comes from the kernel, not from
 * malloc: names live long, and among libdw's short-lived blocks they would keep pages from being
 * given back. Each text is kept once. Profiler's thread only.
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

/* Zeroed, at a multiple of 8; NULL when memory is out. */
void *lp_pool_take(struct lp_pool *pool, size_t bytes);

/* The copy of this text, clean for printing (clean.h); "" when memory is out. */
const char *lp_pool_text(struct lp_pool *pool, const char *text);

/* Forgets everything; a small pool keeps its memory for what comes next. */
void lp_pool_clear(struct lp_pool *pool);
void lp_pool_release(struct lp_pool *pool);

#endif
