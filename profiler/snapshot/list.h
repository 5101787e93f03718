/*
 * A list that grows in the profiler's own memory (tables/own.h), for what is collected while the
 * program's memory is being looked at: nothing of it may come from malloc. Profiler's thread only.
 */
#ifndef LP_SNAPSHOT_LIST_H
#define LP_SNAPSHOT_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "tables/own.h"

struct lp_list {
    size_t item; /* bytes of one */
    enum lp_own kind;
    void *at;
    size_t n, room;
    bool failed; /* something had no room */
};

#define LP_LIST(type, kind_)                                                                       \
    {                                                                                              \
        .item = sizeof(type), .kind = (kind_)                                                      \
    }

/* A new last one, zeroed; those before it may move. NULL: no memory, and `failed`. */
void *lp_list_add(struct lp_list *list);
void lp_list_release(struct lp_list *list);

#endif
