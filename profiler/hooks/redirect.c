#include "hooks/redirect.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "hooks/allocator.h"
#include "hooks/heap.h"
#include "hooks/hook.h"
#include "hooks/slots.h"
#include "hooks/symbols.h"
#include "record/findobject.h"
#include "sys/pages.h"

enum { DEEP_MAX = 64 };

static LP_APART struct lp_slot_changes changes;
static const struct link_map *profiler, *allocator;
static __typeof__(&dlopen) real_dlopen;

/* Libraries that were loaded with RTLD_DEEPBIND. What they have not called yet may lead to another
 * definition than everybody else's. */
static const struct link_map *deep[DEEP_MAX];
static _Atomic int ndeep;

void lp_redirect(const char *name, void *hook, void *real)
{
    lp_slots_add(&changes, name, real, hook);
}

static bool is_deep(const struct link_map *object)
{
    int n = atomic_load(&ndeep);
    for (int i = 0; i < n && i < DEEP_MAX; i++)
        if (__atomic_load_n(&deep[i], __ATOMIC_RELAXED) == object)
            return true;
    return n > DEEP_MAX; /* not all of them are known */
}

static void note_deep(const struct link_map *object)
{
    int i = is_deep(object) ? DEEP_MAX : atomic_fetch_add(&ndeep, 1);
    if (i < DEEP_MAX)
        __atomic_store_n(&deep[i], object, __ATOMIC_RELAXED);
}

/* Not our library, nor the allocator, which treat_allocator() treats. */
static void treat(const struct link_map *object, bool complete)
{
    if (object != allocator && (object != profiler || !object->l_name[0]))
        lp_slots_change(object, &changes, complete, is_deep(object));
}

/* Called while the loader holds its list still. */
static int treat_loaded(struct dl_phdr_info *info, size_t size, void *handle)
{
    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        struct lp_found found;
        void *dynamic = (void *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
        if (info->dlpi_phdr[i].p_type == PT_DYNAMIC && lp_find_object(dynamic, &found))
            treat(found.loader_map, found.loader_map == handle);
    }
    return 0;
}

/* Does the loader look for the library where its caller says? */
bool lp_redirect_by_caller(const char *name, void *caller)
{
    struct lp_found found;
    if (strchr(name, '$') || !lp_find_object(caller, &found))
        return true;
    if (strchr(name, '/'))
        return false;
    for (const ElfW(Dyn) *d = found.map->l_ld; d->d_tag != DT_NULL; d++)
        if (d->d_tag == DT_RUNPATH || d->d_tag == DT_RPATH)
            return true;
    return false;
}

void lp_redirect_opened(void *library, int flags)
{
    if (!library || !real_dlopen)
        return;
    if (flags & RTLD_DEEPBIND)
        note_deep(library);
    dl_iterate_phdr(treat_loaded, library);
}

/* The first return is a jump: the loader sees the caller. Such a library is treated when the next
 * one is loaded. */
LP_UNSEEN static void *open_library(const char *name, int flags)
{
    if (!name || lp_redirect_by_caller(name, CALLER))
        return real_dlopen(name, flags);
    void *library = real_dlopen(name, flags);
    lp_find_object_opened(library);
    lp_redirect_opened(library, flags);
    return library;
}

/* The first definition in lookup order, from this object on, without ours. */
static void *first_of(const struct link_map *object, const char *name)
{
    struct lp_symbols symbols;
    void *found = NULL;
    for (; object && !found; object = object->l_next)
        if (object != profiler && lp_symbols_of(object, &symbols))
            found = lp_symbols_find(&symbols, name);
    return found;
}

static bool frees(const char *name)
{
    return strcmp(name, "free") == 0 || strncmp(name, "_Zd", 3) == 0;
}

/* The allocator's calls of malloc(3) are parts of other calls, and what it maps is shown as what it
 * hands out. So these calls go where they go without a profiler. But it may free what a library has
 * allocated for it: a string. */
static void treat_allocator(void)
{
    static const char *const names[] = {
#define NAME(name) #name,
        LP_MALLOC_NAMES(NAME) "mmap", "mmap64", "munmap", "mremap"};
    struct lp_slot_changes back = {.n = 0}, freeing = {.n = 0};
    struct lp_symbols ours, theirs;
    if (!lp_symbols_of(profiler, &ours) || !lp_symbols_of(allocator, &theirs))
        return;
    for (int i = 0; i < changes.n; i++)
        if (frees(changes.at[i].name))
            freeing.at[freeing.n++] = changes.at[i];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (frees(names[i]))
            continue;
        void *own = lp_symbols_find(&theirs, names[i]);
        lp_slots_add(&back, names[i], lp_symbols_find(&ours, names[i]),
                     own ? own : first_of(profiler->l_next, names[i]));
    }
    lp_slots_change(allocator, &back, true, false);
    lp_slots_change(allocator, &freeing, true, false);
}

void lp_redirect_begin(const struct link_map *ours, const struct link_map *theirs)
{
    const struct link_map *first = ours;
    while (first->l_prev)
        first = first->l_prev;
    profiler = ours;
    allocator = theirs;
    for (int i = changes.n - 1; i >= 0; i--)
        if (first_of(first, changes.at[i].name) != changes.at[i].from)
            changes.at[i] = changes.at[--changes.n]; /* the program uses another one */
    real_dlopen = (__typeof__(&dlopen))first_of(first, "dlopen");
    lp_slots_add(&changes, "dlopen", (void *)real_dlopen, (void *)open_library);
    treat_allocator();
    for (const struct link_map *object = first; object; object = object->l_next)
        treat(object, true);
}
