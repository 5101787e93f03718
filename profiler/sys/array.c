#include "sys/array.h"

#include <string.h>

enum { CAPACITY_FIRST = 1024 };

void *lp_array_add(struct lp_array *list)
{
    if (list->n == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : CAPACITY_FIRST;
        void *grown = lp_own_map(capacity * list->item, list->kind);
        if (!grown) {
            list->failed = true;
            return NULL;
        }
        if (list->at) {
            memcpy(grown, list->at, list->n * list->item);
            lp_own_unmap(list->at, list->capacity * list->item, list->kind);
        }
        list->at = grown;
        list->capacity = capacity;
    }
    return memset((char *)list->at + list->item * list->n++, 0, list->item);
}

void lp_array_release(struct lp_array *list)
{
    if (list->at)
        lp_own_unmap(list->at, list->capacity * list->item, list->kind);
    *list = (struct lp_array){0};
}
