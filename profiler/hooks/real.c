#include "hooks/real.h"

#include <link.h>

#include "hooks/allocator.h"
#include "hooks/imports.h"
#include "hooks/symbols.h"
#include "record/findobject.h"

extern const struct lp_real __start_lp_real[] __attribute__((visibility("hidden")));
extern const struct lp_real __stop_lp_real[] __attribute__((visibility("hidden")));

_Atomic bool lp_real_ready;
static const struct link_map *first, *last; /* the objects after ours that never go away */

void lp_real_prepare(void)
{
    if (atomic_load(&lp_real_ready))
        return;
    const struct link_map *ours = lp_find_object_ours();
    if (!ours)
        return;
    if (lp_imports_bind) /* first: what follows may call them */
        lp_imports_bind(ours);
    const struct link_map *end = ours;
    while (end->l_next)
        end = end->l_next;
    first = ours->l_next;
    last = end;
    lp_allocator_find(ours);
    atomic_store_explicit(&lp_real_ready, true, memory_order_release);
}

/* Fills in all that are not set, from one object. */
static void take(const struct lp_symbols *symbols)
{
    for (const struct lp_real *r = __start_lp_real; r < __stop_lp_real; r++) {
        void **place = (void **)((char *)&r->place + r->place);
        if (!__atomic_load_n(place, __ATOMIC_RELAXED))
            __atomic_store_n(place, lp_symbols_find(symbols, (const char *)&r->name + r->name),
                             __ATOMIC_RELAXED);
    }
}

__attribute__((noinline)) void lp_real_find(void)
{
    struct lp_symbols symbols;
    lp_real_prepare();
    for (const struct link_map *map = first; map; map = map == last ? NULL : map->l_next)
        if (lp_symbols_of(map, &symbols))
            take(&symbols);
}

void *lp_real_find_one(const char *name)
{
    struct lp_symbols symbols;
    void *found = NULL;
    lp_real_prepare();
    for (const struct link_map *map = first; map && !found; map = map == last ? NULL : map->l_next)
        if (lp_symbols_of(map, &symbols))
            found = lp_symbols_find(&symbols, name);
    return found;
}
