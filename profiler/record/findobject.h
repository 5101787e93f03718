/*
 * Which loaded object an address lies in. glibc 2.35 and later have _dl_find_object(), which takes
 * no lock and may be called in signal handlers. With an older glibc, record/objectlist.h is
 * searched instead. The profiler is built for one of the two: LP_OBJECT_LIST is defined for the
 * list. Tests define it with any glibc.
 *
 * The list is refreshed after each dlopen() and dlclose() (hooks/opens.c, hooks/loader.c), and once
 * per second in a process that is served. An object is not known before: a library's constructors
 * run before dlopen() returns, and libc loads some libraries itself.
 */
#ifndef LP_RECORD_FINDOBJECT_H
#define LP_RECORD_FINDOBJECT_H

#include <features.h>

#if !defined LP_OBJECT_LIST && !__GLIBC_PREREQ(2, 35)
#define LP_OBJECT_LIST
#endif

#include "record/objectlist.h"

/* Any context. */
bool lp_find_object(const void *address, struct lp_found *object);

/* The loader's entry of the object that has this code; does not look at other objects. NULL: it is
 * not found. Before main. */
struct link_map *lp_find_object_ours(void);

/* dlopen() has returned this library; dlclose() has returned, and this address lies in what it has
 * closed. Neither waits if nothing was loaded or unloaded: then dlopen() and dlclose() do not
 * either. */
void lp_find_object_opened(void *library);
void lp_find_object_closed(const void *inside);

/* Profiler's thread only: looks for other changes. */
void lp_find_object_refresh(void);

#endif
