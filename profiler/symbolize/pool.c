#include "symbolize/pool.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "symbolize/clean.h"
#include "sys/pages.h"

enum { CHUNK = 64 << 10 };

struct lp_pool_chunk {
    struct lp_pool_chunk *next;
    size_t bytes, used;
};

static struct lp_pool_chunk *new_chunk(struct lp_pool *pool, size_t least)
{
    size_t bytes = sizeof(struct lp_pool_chunk) + least;
    bytes = bytes < CHUNK ? CHUNK : (bytes + LP_PAGE - 1) & ~(size_t)(LP_PAGE - 1);
    struct lp_pool_chunk *chunk = lp_own_map(bytes, LP_OWN_SYMBOLS);
    if (!chunk)
        return NULL;
    *chunk = (struct lp_pool_chunk){pool->chunks, bytes, sizeof *chunk};
    pool->chunks = chunk;
    pool->bytes += bytes;
    return chunk;
}

void *lp_pool_take(struct lp_pool *pool, size_t bytes)
{
    struct lp_pool_chunk *chunk = pool->chunks;
    bytes = (bytes + 7) & ~(size_t)7;
    if ((!chunk || chunk->bytes - chunk->used < bytes) && !(chunk = new_chunk(pool, bytes)))
        return NULL;
    void *taken = (char *)chunk + chunk->used;
    chunk->used += bytes;
    return memset(taken, 0, bytes);
}

static bool is_text(uint64_t value, const void *text)
{
    return strcmp((const char *)(uintptr_t)value, text) == 0;
}

const char *lp_pool_text(struct lp_pool *pool, const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = lp_pool_take(pool, bytes);
    if (!copy)
        return "";
    lp_clean(memcpy(copy, text, bytes));
    pool->texts.kind = LP_OWN_SYMBOLS;
    size_t before = lp_table_bytes(&pool->texts);
    struct lp_table_slot *slot =
        lp_table_slot(&pool->texts, lp_table_hash_text(copy, 0), is_text, copy);
    pool->bytes += lp_table_bytes(&pool->texts) - before;
    if (!slot || slot->value)
        pool->chunks->used -= (bytes + 7) & ~(size_t)7; /* it was the last taken */
    else
        lp_table_fill(&pool->texts, slot, (uintptr_t)copy);
    return slot ? (const char *)(uintptr_t)slot->value : "";
}

void lp_pool_clear(struct lp_pool *pool)
{
    if (!pool->chunks || pool->chunks->next || lp_table_bytes(&pool->texts) > LP_PAGE) {
        lp_pool_release(pool);
        return;
    }
    pool->chunks->used = sizeof *pool->chunks;
    lp_table_clear(&pool->texts);
}

void lp_pool_release(struct lp_pool *pool)
{
    for (struct lp_pool_chunk *chunk = pool->chunks, *next; chunk; chunk = next) {
        next = chunk->next;
        lp_own_unmap(chunk, chunk->bytes, LP_OWN_SYMBOLS);
    }
    lp_table_release(&pool->texts);
    *pool = (struct lp_pool){0};
}
