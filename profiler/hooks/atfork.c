/*
 * pthread_atfork() is part of each object that calls it, and calls __register_atfork() with a
 * handle of that object: an address in it, or NULL for the program.
 */
#include "hooks/atfork.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "hooks/hook.h"
#include "record/findobject.h"
#include "sys/pages.h"

enum { HANDLERS_MAX = 64 };

struct handlers {
    void (*before)(void), (*in_parent)(void), (*in_child)(void);
    void *object;
    _Atomic bool there; /* the others are valid */
};

static LP_APART struct handlers all[HANDLERS_MAX];
static _Atomic uint32_t used;

/* ThreadSanitizer's runtime calls __register_atfork() before it is ready for a hook. */
#ifdef __SANITIZE_THREAD__
enum { HOOKED = false };
#else
enum { HOOKED = true };
#endif

bool lp_atfork_known(void)
{
    return HOOKED && atomic_load(&used) <= HANDLERS_MAX;
}

static int count(void)
{
    uint32_t n = atomic_load(&used);
    return n < HANDLERS_MAX ? (int)n : HANDLERS_MAX;
}

void lp_atfork_before(void)
{
    for (int i = count() - 1; i >= 0; i--)
        if (atomic_load(&all[i].there) && all[i].before)
            all[i].before();
}

void lp_atfork_after(bool child)
{
    for (int i = 0; i < count(); i++) {
        void (*after)(void) = child ? all[i].in_child : all[i].in_parent;
        if (atomic_load(&all[i].there) && after)
            after();
    }
}

void lp_atfork_unloaded(void)
{
    struct lp_found found;
    for (int i = 0; i < count(); i++)
        if (all[i].object && !lp_find_object(all[i].object, &found))
            atomic_store(&all[i].there, false);
}

#ifndef __SANITIZE_THREAD__
/* No header of glibc declares it. */
int __register_atfork(void (*before)(void), void (*in_parent)(void), void (*in_child)(void),
                      void *object);

/* The profiler calls it too, in every process, and most need no other real function yet. */
LP_HOOK int __register_atfork(void (*before)(void), void (*in_parent)(void), void (*in_child)(void),
                              void *object)
{
    __typeof__(&__register_atfork) real =
        (__typeof__(&__register_atfork))lp_real_find_one("__register_atfork");
    int error = real(before, in_parent, in_child, object);
    if (error || !lp_atfork_known())
        return error;
    uint32_t i = atomic_fetch_add(&used, 1);
    if (i < HANDLERS_MAX) {
        all[i].before = before;
        all[i].in_parent = in_parent;
        all[i].in_child = in_child;
        all[i].object = object;
        atomic_store(&all[i].there, true);
    }
    return 0;
}
#endif
