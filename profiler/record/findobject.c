#include "record/findobject.h"

#include <dlfcn.h>
#include <stddef.h>

#include "record/loader.h"
#include "sys/readable.h"

#ifdef LP_OBJECT_LIST
bool lp_find_object(const void *address, struct lp_found *object)
{
    return lp_object_list_find((uintptr_t)address, object);
}

/* dl_iterate_phdr() is not called: it may still be bound to a function of the program
 * (hooks/imports.h). */
struct link_map *lp_find_object_ours(void)
{
    struct link_map *map = _r_debug.r_map;
    while (map && map->l_ld != _DYNAMIC)
        map = map->l_next;
    return map;
}

/* If another thread of ours is inside the loader, a fork waits for that one. */
static void refresh(void)
{
    bool marked = lp_loader_try_enter();
    lp_object_list_refresh();
    if (marked)
        lp_loader_leave();
}

void lp_find_object_opened(void *library)
{
    const struct link_map *map = library; /* a handle is one */
    struct lp_found found;
    if (map && (!lp_find_object(map->l_ld, &found) || found.loader_map != map))
        refresh();
}

void lp_find_object_closed(const void *inside)
{
    if (inside && !lp_sys_readable(inside))
        refresh();
}

void lp_find_object_refresh(void)
{
    if (lp_object_list_stale())
        refresh();
}
#else
bool lp_find_object(const void *address, struct lp_found *object)
{
    struct dl_find_object found;
    if (_dl_find_object((void *)address, &found) != 0)
        return false;
    *object = (struct lp_found){
        .start = found.dlfo_map_start,
        .end = found.dlfo_map_end,
        .eh_frame = found.dlfo_eh_frame,
        .map = found.dlfo_link_map,
        .loader_map = found.dlfo_link_map,
    };
    return true;
}

struct link_map *lp_find_object_ours(void)
{
    struct lp_found ours;
    return lp_find_object((void *)lp_find_object_ours, &ours) ? ours.loader_map : NULL;
}

void lp_find_object_opened(void *library)
{
    (void)library;
}

void lp_find_object_closed(const void *inside)
{
    (void)inside;
}

void lp_find_object_refresh(void)
{
}
#endif
