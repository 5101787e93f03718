/*
 * A list that grows in the profiler's own memory (sys/pages.h). It is for data that is collected
 * while the program's memory is being examined: none of it may come from malloc. Profiler's thread
 * only.
 */
#ifndef LP_SYS_ARRAY_H
#define LP_SYS_ARRAY_H

#include <stdbool.h>
#include <stddef.h>

#include "sys/pages.h"

struct lp_array {
    size_t item; /* bytes per item */
    enum lp_own kind;
    void *at;
    size_t n, room;
    bool failed; /* an item could not be added */
};

#define LP_ARRAY(type, kind_)                                                                      \
    {                                                                                              \
        .item = sizeof(type), .kind = (kind_)                                                      \
    }

/* Adds a zeroed item at the end. Earlier items may move. NULL: no memory; sets `failed`. */
void *lp_array_add(struct lp_array *list);
void lp_array_release(struct lp_array *list);

#endif
