#include "inspect/mappings.h"

#include <errno.h>
#include <string.h>

#include "record/findobject.h"
#include "record/self.h"
#include "inspect/libc_maps.h"
#include "sys/pages.h"
#include "sys/peek.h"
#include "inspect/places.h"
#include "record/stacks.h"

struct reading {
    struct lp_mappings *into;
    struct lp_places before, after; /* copies of the table of mappings */
    struct lp_places own;
    size_t at; /* the position in the list of mappings */
};

const char *lp_mapping_kind_name(enum lp_mapping_kind kind)
{
    static const char *const names[] = {
#define X(id, text) [LP_MAPPING_##id] = text,
        LP_MAPPING_KINDS(X)
#undef X
    };
    return names[kind];
}

static enum lp_mapping_kind kind_of_name(const char *name)
{
    static const struct {
        const char *begin;
        enum lp_mapping_kind kind;
    } kinds[] = {
        {"[heap]", LP_MAPPING_ARENA},
        {"[stack]", LP_MAPPING_MAIN_STACK},
        {"[anon_shmem:", LP_MAPPING_SHARED},
        {"[anon: glibc: pthread stack", LP_MAPPING_THREAD_STACK},
        {"[anon: glibc: malloc", LP_MAPPING_ARENA},
        {"[anon", LP_MAPPING_ANONYMOUS},
        {"[", LP_MAPPING_KERNEL},
        {"/memfd:", LP_MAPPING_SHARED},
        {"/dev/shm/", LP_MAPPING_SHARED},
        {"/dev/zero (deleted)", LP_MAPPING_SHARED},
        {"/SYSV", LP_MAPPING_SHARED},
        {"", LP_MAPPING_FILE},
    };
    if (!name[0])
        return LP_MAPPING_ANONYMOUS;
    for (size_t i = 0;; i++)
        if (!strncmp(name, kinds[i].begin, strlen(kinds[i].begin)))
            return kinds[i].kind;
}

static struct lp_mapping *last_mapping(const struct reading *reading)
{
    const struct lp_array *list = &reading->into->list;
    return list->n ? &((struct lp_mapping *)list->at)[list->n - 1] : NULL;
}

static struct lp_mapping *add_mapping(struct reading *reading, uintptr_t start, uintptr_t end,
                                      enum lp_mapping_kind kind, const struct lp_vma *vma)
{
    struct lp_mapping *mapping = lp_array_add(&reading->into->list);
    if (mapping)
        *mapping = (struct lp_mapping){
            .start = start, .end = end, .kind = kind, .vma = vma, .stack = LP_STACK_EARLIER};
    return mapping;
}

static void add_known(struct reading *reading, uintptr_t start, uintptr_t end,
                      const struct lp_range *range, const struct lp_vma *vma)
{
    struct lp_mapping *last = last_mapping(reading);
    if (last && last->known && last->call == range->call && last->end == start) {
        last->end = end;
        if (lp_vma_reserved(last->vma))
            last->vma = vma;
        return;
    }
    last = add_mapping(reading, start, end, range->own ? LP_MAPPING_PROFILER : LP_MAPPING_UNNAMED,
                       vma);
    if (last) {
        last->stack = range->stack;
        last->birth = range->birth;
        last->call = range->call;
        last->known = true;
    }
}

/* Adds a mapping of an object or data file. Adjacent parts of one file are one mapping. */
static void add_file(struct reading *reading, uintptr_t start, uintptr_t end,
                     enum lp_mapping_kind kind, const struct lp_vma *vma)
{
    struct lp_mapping *last = last_mapping(reading);
    if (last && last->kind == kind && last->end == start && last->vma->inode == vma->inode &&
        last->vma->device == vma->device)
        last->end = end;
    else
        add_mapping(reading, start, end, kind, vma);
}

/* Is this address in a loaded object? Then *end is lowered to the object's end. An object's first
 * page comes from a file, so none begins within nameless memory. */
static bool is_in_object(uintptr_t address, uintptr_t *end)
{
    const uintptr_t rest = LP_PAGE - 1;
    struct lp_found found;
    if (!lp_find_object((void *)address, &found))
        return false;
    uintptr_t limit = ((uintptr_t)found.end + rest) & ~rest;
    if (limit < *end)
        *end = limit;
    return true;
}

/* Nameless memory that no hook saw, in one VMA, up to `end`. Adds the mapping that begins at
 * `start` and returns its end. */
static uintptr_t add_nameless(struct reading *reading, uintptr_t start, uintptr_t end,
                              const struct lp_vma *vma)
{
    uintptr_t object_end = end, self, limit;
    struct lp_mapping *last = last_mapping(reading);
    bool touches = last && last->end == start && !last->known;
    if (is_in_object(start, &object_end)) { /* zeros behind a file's data */
        if (touches && last->kind == LP_MAPPING_FILE)
            last->end = object_end;
        else
            add_mapping(reading, start, object_end, LP_MAPPING_FILE, vma);
        return object_end;
    }
    end = object_end;
    if (lp_vma_reserved(vma)) {
        if (touches && last->kind == LP_MAPPING_ARENA && start % (64 << 20))
            last->end = end; /* the arena's reserve */
        else
            add_mapping(reading, start, end, LP_MAPPING_UNKNOWN, vma);
        return end;
    }
    if ((limit = lp_libc_stack(start, end, &self))) { /* first: there may be thousands */
        enum lp_mapping_kind kind =
            lp_own_thread_is(self) ? LP_MAPPING_PROFILER : LP_MAPPING_THREAD_STACK;
        if (touches && last->kind == LP_MAPPING_UNKNOWN && lp_vma_reserved(last->vma)) {
            last->end = limit; /* its guard page */
            last->kind = kind;
            last->vma = vma;
        } else {
            add_mapping(reading, start, limit, kind, vma);
        }
    } else if ((limit = lp_libc_arena(start, end))) {
        add_mapping(reading, start, limit, LP_MAPPING_ARENA, vma);
    } else if ((limit = lp_libc_block(start, end))) {
        add_mapping(reading, start, limit, LP_MAPPING_BLOCK, vma);
    } else {
        add_mapping(reading, start, limit = end, LP_MAPPING_UNKNOWN, vma);
    }
    return limit;
}

static uintptr_t add_unknown(struct reading *reading, uintptr_t start, uintptr_t end,
                             const struct lp_vma *vma)
{
    enum lp_mapping_kind kind = kind_of_name(lp_vma_name(&reading->into->vmas, vma));
    if (kind == LP_MAPPING_ANONYMOUS)
        return add_nameless(reading, start, end, vma);
    if (kind == LP_MAPPING_FILE || kind == LP_MAPPING_SHARED)
        add_file(reading, start, end, kind, vma);
    else
        add_mapping(reading, start, end, kind, vma);
    return end;
}

/* Adds the mapping that begins at `start` in this VMA. Returns its end. */
static uintptr_t add_next(struct reading *reading, uintptr_t start, const struct lp_vma *vma)
{
    uintptr_t end = vma->end;
    const struct lp_range *range;
    if (lp_places_at(&reading->own, start, &end)) {
        add_mapping(reading, start, end, LP_MAPPING_PROFILER, vma);
        return end;
    }
    if ((range = lp_places_at(&reading->after, start, &end)) ||
        (range = lp_places_at(&reading->before, start, &end))) {
        add_known(reading, start, end, range, vma);
        return end;
    }
    return add_unknown(reading, start, end, vma);
}

static void visit_resident(uintptr_t start, uintptr_t end, void *arg)
{
    struct reading *reading = arg;
    struct lp_mapping *mappings = reading->into->list.at;
    size_t n = reading->into->list.n;
    while (reading->at < n && mappings[reading->at].end <= start)
        reading->at++;
    for (size_t i = reading->at; i < n && mappings[i].start < end; i++) {
        uintptr_t from = start > mappings[i].start ? start : mappings[i].start;
        mappings[i].resident += (end < mappings[i].end ? end : mappings[i].end) - from;
    }
}

static void count_reserved(struct lp_mappings *into)
{
    struct lp_mapping *mappings = into->list.at;
    size_t i = 0;
    for (size_t v = 0; v < into->vmas.n; v++) {
        const struct lp_vma *vma = &into->vmas.at[v];
        if (!lp_vma_reserved(vma))
            continue;
        while (i < into->list.n && mappings[i].end <= vma->start)
            i++;
        for (size_t k = i; k < into->list.n && mappings[k].start < vma->end; k++) {
            uintptr_t from = vma->start > mappings[k].start ? vma->start : mappings[k].start;
            mappings[k].none += (vma->end < mappings[k].end ? vma->end : mappings[k].end) - from;
        }
    }
}

static void name_known(struct lp_mappings *into)
{
    struct lp_mapping *mappings = into->list.at;
    for (size_t i = 0; i < into->list.n; i++)
        if (mappings[i].kind == LP_MAPPING_UNNAMED)
            mappings[i].kind = kind_of_name(lp_vma_name(&into->vmas, mappings[i].vma));
}

/* Reads the kernel's list between two readings of the table, and the profiler's own ranges. */
static int look(struct reading *reading)
{
    int result = lp_places_mapped(&reading->before);
    if (result == 0)
        result = lp_vmas_read(&reading->into->vmas);
    if (result == 0)
        result = lp_places_mapped(&reading->after);
    if (result == 0)
        result = lp_places_own(&reading->own);
    return result;
}

static int read_all(struct reading *reading)
{
    struct lp_mappings *into = reading->into;
    int result = look(reading);
    if (result)
        return result;
    for (size_t v = 0; v < into->vmas.n; v++) {
        const struct lp_vma *vma = &into->vmas.at[v];
        for (uintptr_t at = vma->start; at < vma->end && !into->list.failed;)
            at = add_next(reading, at, vma);
    }
    if (into->list.failed)
        return -ENOMEM;
    name_known(into);
    count_reserved(into);
    result = lp_resident_each(&into->vmas, visit_resident, reading);
    into->spread = result == LP_RESIDENT_SPREAD;
    return into->spread ? 0 : result;
}

int lp_mappings_read(struct lp_mappings *mappings)
{
    struct reading reading = {.into = mappings};
    *mappings = (struct lp_mappings){.list = LP_ARRAY(struct lp_mapping, LP_OWN_MAPS)};
    lp_peek_begin();
    int result = read_all(&reading);
    lp_peek_end();
    lp_places_release(&reading.before);
    lp_places_release(&reading.after);
    lp_places_release(&reading.own);
    return result;
}

void lp_mappings_release(struct lp_mappings *mappings)
{
    lp_array_release(&mappings->list);
    lp_vmas_release(&mappings->vmas);
}
