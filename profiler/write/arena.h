/*
 * Memory that is released all at once.
 */
#ifndef LP_WRITE_ARENA_H
#define LP_WRITE_ARENA_H

#include <stddef.h>

struct lp_arena { /* zeroed: empty */
    struct lp_arena_block *blocks;
    size_t left; /* in the newest block */
};

/* `size` bytes, aligned to 16, not cleared. NULL: no memory. */
void *lp_arena_take(struct lp_arena *arena, size_t size);
void lp_arena_release(struct lp_arena *arena);

#endif
