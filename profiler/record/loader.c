#include "record/loader.h"

#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "record/rate.h"
#include "record/self.h"
#include "sys/lock.h"
#include "sys/pages.h"

enum { OBJECTS_MAX = 1024, SEGMENTS_MAX = 32, REFRESH_NS = 10000000, FORK_PATIENCE_MS = 200 };

/* Program headers are copied too: after a dlclose() the object's own are no longer mapped. `mapped`
 * is what _dl_find_object() said of it, all zero when it did not know it (the vdso, which stays).
 */
struct object {
    struct dl_phdr_info info;
    struct dl_find_object mapped;
    ElfW(Phdr) segments[SEGMENTS_MAX];
};

struct list {
    _Atomic int readers;
    bool partial; /* there are more objects, or larger ones, than it has room for */
    int nobjects;
    struct object objects[OBJECTS_MAX];
};

static struct list *lists[2]; /* one is read, the other written next */
static _Atomic(struct list *) current;
static _Atomic bool stale;
static struct lp_lock writing; /* held by whoever of us is inside the loader's own function */
static int64_t last_refresh;   /* protected by writing */
static _Atomic bool doubtful;  /* in a child: the loader's lock may be held by nobody, for ever */
static int (*real_iterate)(lp_object_visit *visit, void *arg);

/* The count must be on the list that is current: look again after counting. */
static struct list *hold(void)
{
    for (;;) {
        struct list *list = atomic_load(&current);
        if (!list)
            return NULL;
        atomic_fetch_add(&list->readers, 1);
        if (atomic_load(&current) == list)
            return list;
        atomic_fetch_sub(&list->readers, 1);
    }
}

/* What the loader says of the object now, without a lock. */
static struct dl_find_object ask(const struct object *object)
{
    struct dl_find_object found;
    for (int i = 0; i < object->info.dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->info.dlpi_phdr[i];
        void *start = (void *)(uintptr_t)(object->info.dlpi_addr + segment->p_vaddr);
        if (segment->p_type == PT_LOAD)
            return _dl_find_object(start, &found) == 0 ? found : (struct dl_find_object){0};
    }
    return (struct dl_find_object){0};
}

static bool same(const struct dl_find_object *a, const struct dl_find_object *b)
{
    return a->dlfo_map_start == b->dlfo_map_start && a->dlfo_map_end == b->dlfo_map_end &&
           a->dlfo_eh_frame == b->dlfo_eh_frame;
}

/* Is it still there? What was unloaded may have other code at its addresses by now. */
static bool still_there(const struct object *object)
{
    if (!object->mapped.dlfo_map_start)
        return true;
    struct dl_find_object now = ask(object);
    return same(&now, &object->mapped);
}

int lp_loader_each(lp_object_visit *visit, void *arg)
{
    struct list *list = hold();
    int result = 0;
    for (int i = 0; list && i < list->nobjects && result == 0; i++) {
        struct dl_phdr_info info = list->objects[i].info;
        if (still_there(&list->objects[i]))
            result = visit(&info, sizeof info, arg);
    }
    if (list)
        atomic_fetch_sub(&list->readers, 1);
    if (result == 0)
        atomic_store(&stale, true);
    return result;
}

bool lp_loader_ready(void)
{
    return atomic_load_explicit(&current, memory_order_relaxed) != NULL;
}

bool lp_loader_stale(void)
{
    return atomic_load_explicit(&stale, memory_order_relaxed);
}

static int copy(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct list *list = arg;
    if (list->nobjects == OBJECTS_MAX) {
        list->partial = true;
        return 1;
    }
    struct object *object = &list->objects[list->nobjects++];
    memset(&object->info, 0, sizeof object->info);
    memcpy(&object->info, info, size < sizeof object->info ? size : sizeof object->info);
    object->mapped = ask(object);
    if (info->dlpi_phnum > SEGMENTS_MAX) {
        list->nobjects--; /* rare: stacks end there */
        list->partial = true;
        return 0;
    }
    memcpy(object->segments, info->dlpi_phdr, info->dlpi_phnum * sizeof *info->dlpi_phdr);
    object->info.dlpi_phdr = object->segments;
    return 0;
}

/* Were objects loaded or unloaded between the two copies? */
static bool differ(const struct list *a, const struct list *b)
{
    if (!a || a->nobjects == 0 || b->nobjects == 0)
        return true;
    const struct dl_phdr_info *x = &a->objects[0].info, *y = &b->objects[0].info;
    return x->dlpi_adds != y->dlpi_adds || x->dlpi_subs != y->dlpi_subs;
}

/* Does the loader have an object at one of these addresses that the copy has not? */
static bool lacks(const uintptr_t *addresses, uint32_t n)
{
    struct list *list = hold();
    bool missing = false;
    for (uint32_t i = 0; list && !list->partial && i < n && !missing; i++) {
        struct dl_find_object found;
        if (_dl_find_object((void *)addresses[i], &found) != 0)
            continue;
        missing = true;
        for (int k = 0; k < list->nobjects && missing; k++)
            missing = !same(&list->objects[k].mapped, &found);
    }
    if (list)
        atomic_fetch_sub(&list->readers, 1);
    return missing;
}

bool lp_loader_refresh(const uintptr_t *addresses, uint32_t n)
{
    if (!real_iterate || atomic_load(&doubtful) || !lp_trylock(&writing))
        return false; /* another thread is at it */
    int64_t now = lp_now_ns();
    if (now - last_refresh < REFRESH_NS && !lacks(addresses, n)) {
        lp_unlock(&writing);
        return false;
    }
    last_refresh = now;
    bool changed = false;
    struct list *old = atomic_load(&current);
    struct list **spare = &lists[old && old == lists[0]];
    if (!*spare)
        *spare = lp_own_map(sizeof **spare, LP_OWN_MODULES);
    if (*spare) {
        while (atomic_load(&(*spare)->readers) != 0)
            sched_yield(); /* those that still read the copy before last */
        atomic_store(&stale, false);
        (*spare)->partial = false;
        (*spare)->nobjects = 0;
        real_iterate(copy, *spare);
        changed = differ(old, *spare);
        atomic_store(&current, *spare);
    }
    lp_unlock(&writing);
    return changed;
}

int lp_loader_walk(lp_object_visit *visit, void *arg)
{
    if (!real_iterate)
        return dl_iterate_phdr(visit, arg);
    if (!lp_self.own)
        return real_iterate(visit, arg);
    lp_lock(&writing);
    int result = real_iterate(visit, arg);
    lp_unlock(&writing);
    atomic_store(&doubtful, false); /* it came back */
    return result;
}

bool lp_loader_doubtful(void)
{
    return atomic_load(&doubtful);
}

bool lp_loader_before_fork(bool above_holder)
{
    bool held = lp_trylock(&writing);
    for (int ms = 0; !held && !above_holder && ms < FORK_PATIENCE_MS; ms++)
        held = lp_lock_soon(&writing);
    return held;
}

void lp_loader_after_fork(bool held, bool child)
{
    if (!child) {
        if (held)
            lp_unlock(&writing);
        return;
    }
    atomic_store(&doubtful, true);
    atomic_store(&writing.state, 0);
    for (int i = 0; i < 2; i++)
        if (lists[i])
            atomic_store(&lists[i]->readers, 0);
}

void lp_loader_use(int (*real)(lp_object_visit *visit, void *arg))
{
    real_iterate = real;
}
