#include "symbolize/pool.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "symbolize/clean.h"
#include "sys/pages.h"

enum { PAGE = 4096, CHUNK = 64 << 10, ROOM_FIRST = 512 };

struct lp_pool_chunk {
    struct lp_pool_chunk *next;
    size_t bytes, used;
};

static struct lp_pool_chunk *new_chunk(struct lp_pool *pool, size_t least)
{
    size_t bytes = sizeof(struct lp_pool_chunk) + least;
    bytes = bytes < CHUNK ? CHUNK : (bytes + PAGE - 1) & ~(size_t)(PAGE - 1);
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

static uint64_t hash_text(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325;
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3;
    return hash ^ hash >> 32;
}

static char **slot_of(char **texts, size_t room, const char *text)
{
    size_t at = hash_text(text) & (room - 1);
    while (texts[at] && strcmp(texts[at], text) != 0)
        at = (at + 1) & (room - 1);
    return &texts[at];
}

static bool grow(struct lp_pool *pool)
{
    size_t room = pool->room ? pool->room * 2 : ROOM_FIRST;
    char **texts = lp_own_map(room * sizeof *texts, LP_OWN_SYMBOLS);
    if (!texts)
        return false;
    for (size_t i = 0; i < pool->room; i++)
        if (pool->texts[i])
            *slot_of(texts, room, pool->texts[i]) = pool->texts[i];
    if (pool->texts)
        lp_own_unmap(pool->texts, pool->room * sizeof *texts, LP_OWN_SYMBOLS);
    pool->bytes += (room - pool->room) * sizeof *texts;
    pool->texts = texts;
    pool->room = room;
    return true;
}

const char *lp_pool_text(struct lp_pool *pool, const char *text)
{
    if (pool->ntexts * 2 >= pool->room && !grow(pool))
        return "";
    size_t bytes = strlen(text) + 1;
    char *copy = lp_pool_take(pool, bytes);
    if (!copy)
        return "";
    lp_clean(memcpy(copy, text, bytes));
    char **slot = slot_of(pool->texts, pool->room, copy);
    if (*slot) {
        pool->chunks->used -= (bytes + 7) & ~(size_t)7; /* undoes the last lp_pool_take() */
    } else {
        *slot = copy;
        pool->ntexts++;
    }
    return *slot;
}

void lp_pool_clear(struct lp_pool *pool)
{
    if (!pool->chunks || pool->chunks->next || pool->room > ROOM_FIRST) {
        lp_pool_release(pool);
        return;
    }
    pool->chunks->used = sizeof *pool->chunks;
    if (pool->texts)
        memset(pool->texts, 0, pool->room * sizeof *pool->texts);
    pool->ntexts = 0;
}

void lp_pool_release(struct lp_pool *pool)
{
    for (struct lp_pool_chunk *chunk = pool->chunks, *next; chunk; chunk = next) {
        next = chunk->next;
        lp_own_unmap(chunk, chunk->bytes, LP_OWN_SYMBOLS);
    }
    if (pool->texts)
        lp_own_unmap(pool->texts, pool->room * sizeof *pool->texts, LP_OWN_SYMBOLS);
    *pool = (struct lp_pool){0};
}
