#include "sys/table.h"

#include <string.h>

enum { CAPACITY_FIRST = LP_PAGE / sizeof(struct lp_table_slot) };

static struct lp_table_slot *find(const struct lp_table *table, uint64_t hash, lp_table_is *is,
                                  const void *key)
{
    for (size_t at = hash;; at++) {
        struct lp_table_slot *slot = &table->slots[at & (table->capacity - 1)];
        if (!slot->value || (slot->hash == hash && (!is || is(slot->value, key))))
            return slot;
    }
}

static bool grow(struct lp_table *table)
{
    struct lp_table grown = {table->kind, NULL, table->n,
                             table->capacity ? table->capacity * 2 : CAPACITY_FIRST};
    grown.slots = lp_own_map(lp_table_bytes(&grown), grown.kind);
    if (!grown.slots)
        return false;
    for (size_t i = 0; i < table->capacity; i++) {
        size_t at = table->slots[i].hash;
        if (!table->slots[i].value)
            continue;
        while (grown.slots[at & (grown.capacity - 1)].value)
            at++;
        grown.slots[at & (grown.capacity - 1)] = table->slots[i];
    }
    lp_table_release(table);
    *table = grown;
    return true;
}

struct lp_table_slot *lp_table_slot(struct lp_table *table, uint64_t hash, lp_table_is *is,
                                    const void *key)
{
    if (table->n * 2 >= table->capacity && !grow(table))
        return NULL;
    struct lp_table_slot *slot = find(table, hash, is, key);
    if (!slot->value)
        slot->hash = hash;
    return slot;
}

void lp_table_fill(struct lp_table *table, struct lp_table_slot *slot, uint64_t value)
{
    slot->value = value;
    table->n++;
}

uint64_t lp_table_find(const struct lp_table *table, uint64_t hash, lp_table_is *is,
                       const void *key)
{
    return table->capacity ? find(table, hash, is, key)->value : 0;
}

size_t lp_table_bytes(const struct lp_table *table)
{
    return table->capacity * sizeof *table->slots;
}

void lp_table_clear(struct lp_table *table)
{
    if (table->slots)
        memset(table->slots, 0, lp_table_bytes(table));
    table->n = 0;
}

void lp_table_release(struct lp_table *table)
{
    if (table->slots)
        lp_own_unmap(table->slots, lp_table_bytes(table), table->kind);
    *table = (struct lp_table){.kind = table->kind};
}
