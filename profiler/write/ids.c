#include "write/ids.h"

#include <stdbool.h>
#include <stdlib.h>

enum { FIRST_ROOM = 1024 };

static uint64_t mix(uint64_t x)
{
    x ^= x >> 31;
    x *= 0x9e3779b97f4a7c15;
    return x ^ x >> 29;
}

static size_t find(const struct lp_ids *ids, uint64_t key)
{
    size_t at = mix(key) & (ids->room - 1);
    while (ids->ids[at] && ids->keys[at] != key)
        at = (at + 1) & (ids->room - 1);
    return at;
}

static bool grow(struct lp_ids *ids)
{
    size_t room = ids->room ? ids->room * 2 : FIRST_ROOM;
    struct lp_ids grown = {calloc(room, sizeof *grown.keys), calloc(room, sizeof *grown.ids),
                           ids->n, room};
    if (!grown.keys || !grown.ids) {
        lp_ids_release(&grown);
        return false;
    }
    for (size_t i = 0; i < ids->room; i++) {
        if (!ids->ids[i])
            continue;
        size_t at = find(&grown, ids->keys[i]);
        grown.keys[at] = ids->keys[i];
        grown.ids[at] = ids->ids[i];
    }
    lp_ids_release(ids);
    *ids = grown;
    return true;
}

uint32_t *lp_ids_slot(struct lp_ids *ids, uint64_t key)
{
    if (ids->n * 2 >= ids->room && !grow(ids))
        return NULL;
    size_t at = find(ids, key);
    if (!ids->ids[at]) {
        ids->keys[at] = key;
        ids->n++;
    }
    return &ids->ids[at];
}

void lp_ids_release(struct lp_ids *ids)
{
    free(ids->keys);
    free(ids->ids);
}
