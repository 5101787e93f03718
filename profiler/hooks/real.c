/*
 * Walks the loader's list of objects without its lock: before main, nothing is loaded or unloaded,
 * and later everything has been found.
 */
#include "hooks/real.h"

#include <dlfcn.h>
#include <link.h>

#include "hooks/allocator.h"
#include "hooks/imports.h"
#include "hooks/symbols.h"

extern const struct lp_real __start_lp_real[] __attribute__((visibility("hidden")));
extern const struct lp_real __stop_lp_real[] __attribute__((visibility("hidden")));

_Atomic bool lp_real_found;

void lp_real_find(void)
{
    struct dl_find_object ours;
    if (_dl_find_object((void *)lp_real_find, &ours) != 0)
        return;
    if (lp_imports_bind) /* first: what follows may call them */
        lp_imports_bind(ours.dlfo_link_map);
    for (const struct link_map *map = ours.dlfo_link_map->l_next; map; map = map->l_next) {
        struct lp_symbols symbols;
        if (!lp_symbols_of(map, &symbols))
            continue;
        for (const struct lp_real *r = __start_lp_real; r < __stop_lp_real; r++)
            if (!__atomic_load_n(r->place, __ATOMIC_RELAXED))
                __atomic_store_n(r->place, lp_symbols_find(&symbols, r->name), __ATOMIC_RELAXED);
    }
    lp_allocator_find(ours.dlfo_link_map);
    atomic_store_explicit(&lp_real_found, true, memory_order_release);
}
