/*
 * Arrays that grow. A struct lp_array grows in the profiler's own memory (sys/pages.h), for what is
 * collected while the program's memory is being looked at: nothing of it may come from malloc.
 * Other arrays grow by lp_array_reserve(). Profiler's thread only.
 */
#ifndef LP_SYS_ARRAY_H
#define LP_SYS_ARRAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include "sys/pages.h"

struct lp_array {
    size_t item; /* bytes per item */
    enum lp_own kind;
    void *at;
    size_t n, capacity;
    bool failed; /* something had no room */
};

#define LP_ARRAY(type, kind_)                                                                      \
    {                                                                                              \
        .item = sizeof(type), .kind = (kind_)                                                      \
    }

/* Adds a zeroed item at the end. Earlier items may move. NULL: no memory; sets `failed`. */
void *lp_array_add(struct lp_array *list);
void lp_array_release(struct lp_array *list);

/* A pointer to items of any type. */
typedef void *__attribute__((may_alias)) lp_array_base;

/* Makes room for `wanted` items of `size` bytes in an array of malloc's. `array` is the address of
 * the pointer to it. New items are not zeroed. false: memory is out, and nothing has changed. (In
 * the header, because sys/ must not call malloc itself, which is a hook.) */
static inline bool lp_array_reserve(void *array, size_t *capacity, size_t wanted, size_t size)
{
    lp_array_base *at = array;
    size_t more = *capacity ? *capacity * 2 : 16;
    if (wanted <= *capacity)
        return true;
    if (more < wanted)
        more = wanted;
    void *grown = reallocarray(*at, more, size);
    if (!grown)
        return false;
    *at = grown;
    *capacity = more;
    return true;
}

#endif
