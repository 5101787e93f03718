/*
 * The loader's list of objects is in lookup order. It is walked without its lock, before main
 * (hooks/real.c).
 */
#include "hooks/allocator.h"

#include <link.h>
#include <stddef.h>
#include <string.h>

#include "hooks/redirect.h"
#include "hooks/symbols.h"

struct lp_malloc_calls lp_real_malloc;

#define CALL(name) {#name, offsetof(struct lp_malloc_calls, name)},
static const struct {
    const char *name;
    size_t at;
} calls[] = {LP_MALLOC_NAMES(CALL)};
enum { CALLS = sizeof calls / sizeof *calls };

static void **place(int i)
{
    return (void **)((char *)&lp_real_malloc + calls[i].at);
}

/* Sets the functions that are not set yet. */
static void take(const struct lp_symbols *symbols)
{
    for (int i = 0; i < CALLS; i++)
        if (!*place(i))
            __atomic_store_n(place(i), lp_symbols_find(symbols, calls[i].name), __ATOMIC_RELAXED);
}

static bool defines(const struct link_map *object, const char *name, struct lp_symbols *symbols)
{
    return lp_symbols_of(object, symbols) && lp_symbols_find(symbols, name);
}

/* Does the object define an allocator that never passes a call on to the next definition? */
static bool is_known(const struct lp_symbols *symbols)
{
    return lp_symbols_find(symbols, "mallctl") || lp_symbols_find(symbols, "tc_malloc") ||
           lp_symbols_find(symbols, "mi_malloc");
}

static const struct link_map *profiler, *owner; /* the object that defines malloc */
static bool before; /* it stands before the hooks, and calls are redirected */

static void found(const struct link_map *object, const struct lp_symbols *symbols)
{
    owner = object;
    if (lp_allocator_found.unseen)
        return; /* the program has another one */
    lp_allocator_found.file = object->l_name;
    lp_allocator_found.libc = lp_symbols_find(symbols, "__cxa_finalize") != NULL;
}

/* An object that defines malloc before the hooks do. A library's calls are redirected if it is a
 * known allocator. Others may pass calls on to the hooks, as a tool would. */
static void find_before(void)
{
    struct lp_symbols symbols;
    const struct link_map *object = profiler;
    while (object->l_prev)
        object = object->l_prev;
    while (object != profiler && !defines(object, "malloc", &symbols))
        object = object->l_next;
    if (object == profiler)
        return;
    lp_allocator_found.file = object->l_name;
    lp_allocator_found.unseen = object->l_name[0] ? LP_UNSEEN_BEFORE : LP_UNSEEN_PROGRAM;
    lp_allocator_found.libc = false;
    if (!object->l_name[0] || !is_known(&symbols))
        return;
    lp_allocator_found.unseen = LP_SEEN;
    found(object, &symbols);
    before = true;
    take(&symbols);
}

/* valgrind's tools that replace malloc() have a library each. */
static bool is_replaced_by(const struct link_map *object)
{
    static const char begin[] = "vgpreload_", core[] = "core";
    const char *name = strrchr(object->l_name, '/');
    return name && strncmp(++name, begin, sizeof begin - 1) == 0 &&
           strncmp(name + sizeof begin - 1, core, sizeof core - 1) != 0;
}

static void find_replaced(void)
{
    const struct link_map *object = profiler;
    while (object->l_prev)
        object = object->l_prev;
    for (; object; object = object->l_next)
        if (is_replaced_by(object)) {
            lp_allocator_found.unseen = LP_UNSEEN_REPLACED;
            lp_allocator_found.libc = false;
        }
}

void lp_allocator_find(const struct link_map *ours)
{
    struct lp_symbols symbols;
    if (owner)
        return;
    profiler = ours;
    find_before();
    find_replaced();
    for (const struct link_map *object = ours->l_next; object; object = object->l_next) {
        if (!lp_symbols_of(object, &symbols))
            continue;
        if (!owner && lp_symbols_find(&symbols, "malloc"))
            found(object, &symbols);
        take(&symbols);
    }
    if (owner && !defines(owner, "malloc_usable_size", &symbols))
        lp_real_malloc.malloc_usable_size = NULL; /* another object's */
}

/* What a program may call of an allocator that stands before the hooks. tcmalloc has hooks of its
 * own for mmap(). */
static void redirect_before(const struct lp_symbols *theirs)
{
    static const char *const names[] = {
#define NAME(name) #name,
        LP_MALLOC_NAMES(NAME) "cfree", "mmap", "mmap64", "munmap", "mremap"};
    struct lp_symbols ours;
    for (size_t i = 0; i < sizeof names / sizeof *names && lp_symbols_of(profiler, &ours); i++)
        lp_redirect(names[i], lp_symbols_find(&ours, names[i]), lp_symbols_find(theirs, names[i]));
}

void lp_allocator_start(void)
{
    struct lp_symbols symbols;
    if (!owner || lp_allocator_found.libc || !lp_symbols_of(owner, &symbols) || !is_known(&symbols))
        return;
    if (before)
        redirect_before(&symbols);
    lp_operators_redirect(&symbols);
    lp_redirect_begin(profiler, owner);
}

void *lp_allocator_hook(const char *name)
{
    struct lp_symbols ours;
    return before && lp_symbols_of(profiler, &ours) ? lp_symbols_find(&ours, name) : NULL;
}
