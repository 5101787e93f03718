/*
 * A list that grows in the profiler's own memory (sys/pages.h), for what is collected while the
 * program's memory is being looked at: nothing of it may come from malloc. Profiler's thread only.
 */
#ifndef LP_SYS_ARRAY_H
#define LP_SYS_ARRAY_H

#include <stdbool.h>
#include <stddef.h>

#include "sys/pages.h"

struct lp_array {
    size_t item; /* bytes of one */
    enum lp_own kind;
    void *at;
    size_t n, room;
    bool failed; /* something had no room */
};

#define LP_ARRAY(type, kind_)                                                                      \
    {                                                                                              \
        .item = sizeof(type), .kind = (kind_)                                                      \
    }

/* A new last one, zeroed; those before it may move. NULL: no memory, and `failed`. */
void *lp_array_add(struct lp_array *list);
void lp_array_release(struct lp_array *list);

#endif
