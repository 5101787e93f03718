#include "hooks/real.h"

#include <dlfcn.h>
#include <link.h>

#include "hooks/allocator.h"
#include "hooks/imports.h"
#include "hooks/symbols.h"

extern const struct lp_real __start_lp_real[] __attribute__((visibility("hidden")));
extern const struct lp_real __stop_lp_real[] __attribute__((visibility("hidden")));

_Atomic bool lp_real_ready;
static const struct link_map *first, *last; /* the objects after ours that never go away */

void lp_real_prepare(void)
{
    struct dl_find_object ours;
    if (atomic_load(&lp_real_ready) || _dl_find_object((void *)lp_real_prepare, &ours) != 0)
        return;
    if (lp_imports_bind) /* first: what follows may call them */
        lp_imports_bind(ours.dlfo_link_map);
    const struct link_map *end = ours.dlfo_link_map;
    while (end->l_next)
        end = end->l_next;
    first = ours.dlfo_link_map->l_next;
    last = end;
    lp_allocator_find(ours.dlfo_link_map);
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
