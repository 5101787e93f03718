#include "symbolize/modules.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sys/array.h"
#include "record/findobject.h"
#include "record/stacks.h"
#include "record/unwind.h"

/* Pointers, so that a module never moves: symbols point to it. */
static struct lp_module **modules;
static size_t nmodules, modules_capacity;

/* In the order of the records in record/loaded.h. */
static struct stay {
    struct lp_module *module; /* NULL: the record was not complete yet */
    uint32_t from, to;        /* stack numbers */
} * stays;
static size_t nstays, stays_capacity;

/* One for each executable segment of each record, by address. */
static struct span {
    const struct lp_segment *segment;
    uint32_t stay;
    uintptr_t reach; /* the highest limit so far: no earlier span reaches further */
} * spans;
static size_t nspans, spans_capacity;

static char *path_of(const struct lp_image *image, bool main)
{
    char path[PATH_MAX];
    if (main) {
        ssize_t n = readlink("/proc/thread-self/exe", path, sizeof path - 1);
        path[n > 0 ? n : 0] = '\0';
        return strdup(path);
    }
    if (!strncmp(image->name, "linux-vdso", 10) || image->name[0] == '\0')
        return strdup("[vdso]");
    return strdup(realpath(image->name, path) ? path : image->name);
}

static struct lp_module *new_module(const struct lp_image *image, bool main)
{
    struct lp_module *m = calloc(1, sizeof *m);
    if (!m || !(m->path = path_of(image, main))) {
        free(m);
        return NULL;
    }
    m->image = image;
    m->main = main;
    const char *name = strrchr(m->path, '/');
    m->own = name && !strncmp(name, "/libleakprof", 12);
    modules[nmodules++] = m;
    return m;
}

static bool grow(size_t wanted)
{
    size_t before = stays_capacity;
    if (!lp_array_reserve(&modules, &modules_capacity, wanted, sizeof *modules) ||
        !lp_array_reserve(&stays, &stays_capacity, wanted, sizeof *stays))
        return false;
    memset(stays + before, 0, (stays_capacity - before) * sizeof *stays);
    return true;
}

static bool add_spans(uint32_t stay, const struct lp_image *image)
{
    if (!lp_array_reserve(&spans, &spans_capacity, nspans + image->nsegments, sizeof *spans))
        return false;
    for (uint32_t i = 0; i < image->nsegments; i++)
        spans[nspans++] = (struct span){.segment = &image->segments[i], .stay = stay};
    return true;
}

static int by_start(const void *x, const void *y)
{
    const struct span *a = x, *b = y;
    if (a->segment->start != b->segment->start)
        return a->segment->start < b->segment->start ? -1 : 1;
    return a->stay < b->stay ? -1 : a->stay > b->stay;
}

static void sort(void)
{
    uintptr_t reach = 0;
    if (nspans > 0)
        qsort(spans, nspans, sizeof *spans, by_start);
    for (size_t i = 0; i < nspans; i++) {
        if (reach < spans[i].segment->limit)
            reach = spans[i].segment->limit;
        spans[i].reach = reach;
    }
}

/* The record may be new or changed. false: no memory. */
static bool update(uint32_t i)
{
    struct lp_loaded loaded;
    struct stay *stay = &stays[i];
    if (!lp_loaded_get(i, &loaded))
        return true;
    if (!stay->module) {
        struct lp_module *first = loaded.first < nstays ? stays[loaded.first].module : NULL;
        if (!add_spans(i, loaded.image))
            return false;
        stay->module = first ? first : new_module(loaded.image, i == 0);
        if (!stay->module) {
            nspans -= loaded.image->nsegments;
            return false;
        }
    }
    stay->from = loaded.from;
    stay->to = loaded.to;
    stay->module->gone = loaded.to != LP_LOADED_PRESENT; /* the last record decides */
    return true;
}

void lp_modules_refresh(void)
{
    lp_find_object_refresh();
    if (lp_loaded_check())
        lp_unwind_forget();
    size_t n = lp_loaded_count(), had = nspans;
    if (!grow(n))
        return;
    nstays = n;
    for (uint32_t i = 0; i < n && update(i); i++)
        ;
    if (nspans != had)
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

/* Searches down the list, from *from, for the next one that contains the address. */
static const struct stay *next_at(uintptr_t address, size_t *from)
{
    while (*from > 0 && spans[*from - 1].reach > address) {
        const struct span *span = &spans[--*from];
        if (address >= span->segment->start && address < span->segment->limit)
            return &stays[span->stay];
    }
    return NULL;
}

/* The number of spans that begin at or before the address. */
static size_t up_to(uintptr_t address)
{
    size_t low = 0, high = nspans;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (spans[middle].segment->start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct lp_module *lp_module_of(uint32_t stack, uintptr_t address)
{
    struct lp_module *found = NULL;
    const struct stay *stay;
    for (size_t from = up_to(address); (stay = next_at(address, &from));) {
        if (stack < stay->from || stack >= stay->to || stay->module == found)
            continue;
        if (found)
            return NULL;
        found = stay->module;
    }
    return found;
}

static struct lp_module *find(uintptr_t address)
{
    const struct stay *stay, *last = NULL;
    for (size_t from = up_to(address); (stay = next_at(address, &from));)
        if (!last || stay->to > last->to)
            last = stay;
    return last ? last->module : NULL;
}

/* An object is recorded with the first stack that contains it. This address may be in no stack. */
struct lp_module *lp_module_find(uintptr_t address)
{
    uint32_t known = lp_loaded_count();
    lp_loaded_note(&address, 1, lp_stack_count() + LP_STACK_FIRST);
    if (lp_loaded_count() != known)
        lp_modules_refresh();
    return find(address);
}

uint32_t lp_module_segment(const struct lp_module *module, uintptr_t address)
{
    const struct lp_image *image = module->image;
    for (uint32_t i = 0; i < image->nsegments; i++)
        if (address >= image->segments[i].start && address < image->segments[i].limit)
            return i;
    return 0;
}
