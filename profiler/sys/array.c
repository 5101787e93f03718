#include "sys/array.h"

#include <string.h>

enum { ROOM_FIRST = 1024 };

void *lp_array_add(struct lp_array *list)
{
    if (list->n == list->room) {
        size_t room = list->room ? list->room * 2 : ROOM_FIRST;
        void *grown = lp_own_map(room * list->item, list->kind);
        if (!grown) {
            list->failed = true;
            return NULL;
        }
        if (list->at) {
            memcpy(grown, list->at, list->n * list->item);
            lp_own_unmap(list->at, list->room * list->item, list->kind);
        }
        list->at = grown;
        list->room = room;
    }
    return memset((char *)list->at + list->item * list->n++, 0, list->item);
}

void lp_array_release(struct lp_array *list)
{
    if (list->at)
        lp_own_unmap(list->at, list->room * list->item, list->kind);
    *list = (struct lp_array){0};
}
