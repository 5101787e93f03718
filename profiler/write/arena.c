#include "write/arena.h"

#include <stdlib.h>

enum { BLOCK = 256 << 10, ALIGN = 16 };

struct lp_arena_block {
    struct lp_arena_block *next;
    _Alignas(ALIGN) char bytes[];
};

void *lp_arena_take(struct lp_arena *arena, size_t size)
{
    size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (size > arena->left) {
        size_t capacity = size > BLOCK ? size : BLOCK;
        struct lp_arena_block *block = malloc(sizeof *block + capacity);
        if (!block)
            return NULL;
        block->next = arena->blocks;
        arena->blocks = block;
        arena->left = capacity;
    }
    arena->left -= size;
    return arena->blocks->bytes + arena->left;
}

void lp_arena_release(struct lp_arena *arena)
{
    for (struct lp_arena_block *next; arena->blocks; arena->blocks = next) {
        next = arena->blocks->next;
        free(arena->blocks);
    }
    arena->left = 0;
}
