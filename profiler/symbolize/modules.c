#include "symbolize/modules.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Pointers, so that a module never moves: symbols and cached answers point at it. */
static struct lp_module **modules; /* as record/loaded.h numbers them */
static struct by_start {
    struct lp_module *module;
    uintptr_t reach; /* the highest limit up to here: nothing before reaches further */
} * sorted;
static size_t nmodules, nsorted, room;

static char *path_of(const struct lp_loaded *loaded, bool main)
{
    char path[PATH_MAX];
    if (main) {
        ssize_t n = readlink("/proc/thread-self/exe", path, sizeof path - 1);
        path[n > 0 ? n : 0] = '\0';
        return strdup(path);
    }
    if (!strncmp(loaded->name, "linux-vdso", 10) || loaded->name[0] == '\0')
        return strdup("[vdso]");
    return strdup(realpath(loaded->name, path) ? path : loaded->name);
}

static void update(struct lp_module *m, const struct lp_loaded *loaded)
{
    m->nstays = loaded->nstays;
    memcpy(m->stays, loaded->stays, sizeof m->stays);
    m->gone = m->nstays == 0 || m->stays[m->nstays - 1].to != UINT32_MAX;
}

static struct lp_module *describe(const struct lp_loaded *loaded, bool main)
{
    struct lp_module *m = calloc(1, sizeof *m);
    if (!m || !(m->path = path_of(loaded, main))) {
        free(m);
        return NULL;
    }
    m->start = loaded->start;
    m->limit = loaded->limit;
    m->offset = loaded->offset;
    m->bias = loaded->bias;
    m->main = main;
    const char *name = strrchr(m->path, '/');
    m->own = name && !strcmp(name, "/libleakprof.so");
    memcpy(m->build_id, loaded->build_id, sizeof m->build_id);
    update(m, loaded);
    return m;
}

static bool grow(size_t wanted)
{
    if (wanted <= room)
        return true;
    size_t more = wanted + wanted / 2 + 16;
    struct lp_module **grown = realloc(modules, more * sizeof *modules);
    if (grown)
        modules = grown;
    struct by_start *longer = grown ? realloc(sorted, more * sizeof *sorted) : NULL;
    if (!longer)
        return false;
    sorted = longer;
    room = more;
    return true;
}

static int by_start(const void *x, const void *y)
{
    const struct lp_module *a = ((const struct by_start *)x)->module,
                           *b = ((const struct by_start *)y)->module;
    return a->start < b->start ? -1 : a->start > b->start;
}

static void sort(void)
{
    uintptr_t reach = 0;
    for (size_t i = 0; i < nmodules; i++)
        sorted[i].module = modules[i];
    nsorted = nmodules;
    qsort(sorted, nsorted, sizeof *sorted, by_start);
    for (size_t i = 0; i < nsorted; i++) {
        if (reach < sorted[i].module->limit)
            reach = sorted[i].module->limit;
        sorted[i].reach = reach;
    }
}

void lp_modules_refresh(void)
{
    lp_loaded_look();
    size_t n = lp_loaded_count();
    if (!grow(n))
        n = nmodules;
    for (size_t i = 0; i < n; i++) {
        struct lp_loaded loaded = lp_loaded_get((uint32_t)i);
        if (i < nmodules)
            update(modules[i], &loaded);
        else if ((modules[i] = describe(&loaded, i == 0)))
            nmodules++;
        else
            break;
    }
    if (nsorted != nmodules)
        sort();
}

size_t lp_modules_count(void)
{
    return nmodules;
}

struct lp_module *lp_module_at(size_t i)
{
    return i < nmodules ? modules[i] : NULL;
}

/* The next one down the list that holds the address; from nsorted on. */
static struct lp_module *next_at(uintptr_t address, size_t *from)
{
    while (*from > 0 && sorted[*from - 1].reach > address) {
        struct lp_module *m = sorted[--*from].module;
        if (address >= m->start && address < m->limit)
            return m;
    }
    return NULL;
}

/* How many begin at or before the address. */
static size_t up_to(uintptr_t address)
{
    size_t low = 0, high = nsorted;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (sorted[middle].module->start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool was_there(const struct lp_module *m, uint32_t stack)
{
    for (uint32_t i = 0; i < m->nstays; i++)
        if (stack >= m->stays[i].from && stack < m->stays[i].to)
            return true;
    return false;
}

struct lp_module *lp_module_of(uint32_t stack, uintptr_t address)
{
    struct lp_module *found = NULL, *m;
    for (size_t from = up_to(address); (m = next_at(address, &from));) {
        if (!was_there(m, stack))
            continue;
        if (found)
            return NULL;
        found = m;
    }
    return found;
}

static uint32_t left_at(const struct lp_module *m)
{
    return m->nstays ? m->stays[m->nstays - 1].to : 0;
}

struct lp_module *lp_module_find(uintptr_t address)
{
    struct lp_module *found = NULL, *m;
    for (size_t from = up_to(address); (m = next_at(address, &from));)
        if (!found || left_at(m) > left_at(found))
            found = m;
    return found;
}
