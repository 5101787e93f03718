/*
 * A list of the loaded objects, for a glibc without _dl_find_object(): see record/findobject.h. It
 * is a copy of the loader's list. Readers take no lock and may be in signal handlers. The loader's
 * list is read only by lp_object_list_refresh(), which takes the loader's lock.
 */
#ifndef LP_RECORD_OBJECTLIST_H
#define LP_RECORD_OBJECTLIST_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

/* One part of an object, without holes. Most objects have one part. */
struct lp_found {
    void *start, *end;
    void *eh_frame;              /* its unwind table; NULL: it has none */
    const struct link_map *map;  /* the head of the loader's entry, safe to read at any time */
    struct link_map *loader_map; /* the loader's entry; may be freed when the object is unloaded */
};

/* Any context. The first call of the process refreshes. */
bool lp_object_list_find(uintptr_t address, struct lp_found *object);

/* Copies the loader's list, if it has changed. Not in hooks that may run in a signal handler or
 * inside the loader. If another thread is doing it, that thread does it once more. */
void lp_object_list_refresh(void);

/* Has the loader's list changed? Takes no lock of the loader's. Profiler's thread only. */
bool lp_object_list_stale(void);

#endif
