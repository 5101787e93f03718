/*
 * The maps profile: every mapping of the program, once. The kernel says what is mapped
 * (snapshot/vmas.h), the table who did it; between the two, borders differ. The kernel merges
 * neighbours that look alike and splits one mapping where protections differ; here a mapping is
 * what one call made, or what is left of it in one piece.
 *
 * What no hook saw is told by its name, or by what stands in it (snapshot/libc_maps.h), and stands
 * under one special stack. The profiler's own is left out and counted apart.
 *
 * Addresses without permissions (PROT_NONE) take no memory: they are a kind of their own, but for
 * small ones, which are guards and belong to what they guard.
 *
 * First what is mapped is read, then the table: a mapping that comes meanwhile is missed, and not
 * shown without its stack. For one that goes meanwhile the table is read before, too.
 */
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/rate.h"
#include "capture/self.h"
#include "snapshot/kinds.h"
#include "snapshot/libc_maps.h"
#include "snapshot/vmas.h"
#include "tables/maps.h"
#include "tables/stacks.h"

enum { PAGE = 4096, GUARD_MAX = 64 << 10, OBJECTS_MAX = 4096, RANGES_AT_ONCE = 512 };

/* Kinds label rows; they are compared by address here. */
static const char anonymous[] = "anonymous", file[] = "file", shared[] = "shared memory",
                  reserved[] = "reserved", thread_stack[] = "thread stack",
                  arena[] = "malloc arena", block[] = "malloc mmap", main_stack[] = "stack",
                  kernel[] = "kernel", profiler[] = "profiler", unknown[] = "unknown";

/* A list in the profiler's own memory, made once what is mapped has been read. */
struct list {
    void *at;
    size_t n, room, item;
};

struct mapping {
    uintptr_t start, end;
    const char *kind; /* NULL: the name of `vma` will tell */
    const struct lp_vma *vma;
    uint64_t resident, none; /* bytes in memory; without permissions */
    uint32_t stack, birth, call;
    bool known; /* birth and call are */
};

struct taking {
    struct lp_vmas vmas;
    struct list before, after; /* struct lp_range: the table's */
    struct list own, objects;  /* struct lp_range: start and length only */
    struct list mappings;
    size_t at; /* of the mappings, in a walk along them */
    bool failed;
};

static void *add(struct taking *taking, struct list *list)
{
    if (list->n == list->room) {
        size_t room = list->room ? list->room * 2 : 1024;
        void *grown = lp_own_map(room * list->item, LP_OWN_MAPS);
        if (!grown) {
            taking->failed = true;
            return NULL;
        }
        if (list->at) {
            memcpy(grown, list->at, list->n * list->item);
            lp_own_unmap(list->at, list->room * list->item, LP_OWN_MAPS);
        }
        list->at = grown;
        list->room = room;
    }
    return memset((char *)list->at + list->item * list->n++, 0, list->item);
}

static void release(struct list *list)
{
    if (list->at)
        lp_own_unmap(list->at, list->room * list->item, LP_OWN_MAPS);
}

static void read_table(struct taking *taking, struct list *list)
{
    struct lp_range some[RANGES_AT_ONCE], *place;
    uint64_t from = 0;
    for (uint32_t n;
         (n = lp_ranges_copy(&lp_maps, from, some, RANGES_AT_ONCE, lp_self.busy)) > 0;) {
        for (uint32_t i = 0; i < n; i++)
            if ((place = add(taking, list)))
                *place = some[i];
        from = some[n - 1].start + some[n - 1].length;
    }
}

static void add_place(struct taking *taking, struct list *list, uintptr_t start, uintptr_t end)
{
    start &= ~(uintptr_t)(PAGE - 1);
    end = (end + PAGE - 1) & ~(uintptr_t)(PAGE - 1);
    struct lp_range *place = end > start ? add(taking, list) : NULL;
    if (place)
        *place = (struct lp_range){.start = start, .length = end - start};
}

static void visit_own(uintptr_t start, size_t bytes, void *arg)
{
    struct taking *taking = arg;
    add_place(taking, &taking->own, start, start + bytes);
}

/* All of an object's segments, and what lies between them. No malloc: the loader's lock is held. */
static int visit_object(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct taking *taking = arg;
    uintptr_t start = UINTPTR_MAX, end = 0;
    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uintptr_t at = info->dlpi_addr + segment->p_vaddr;
        if (segment->p_type != PT_LOAD)
            continue;
        start = at < start ? at : start;
        end = at + segment->p_memsz > end ? at + segment->p_memsz : end;
    }
    if (end > start)
        add_place(taking, &taking->objects, start, end);
    return 0;
}

static int by_start(const void *x, const void *y)
{
    const struct lp_range *a = x, *b = y;
    return (a->start > b->start) - (a->start < b->start);
}

/* The range that this address lies in. NULL: none does, and *end is brought back to where the next
 * begins. */
static const struct lp_range *range_at(const struct list *list, uintptr_t address, uintptr_t *end)
{
    const struct lp_range *ranges = list->at;
    size_t low = 0, high = list->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (ranges[middle].start + ranges[middle].length > address)
            high = middle;
        else
            low = middle + 1;
    }
    if (low == list->n)
        return NULL;
    const struct lp_range *range = &ranges[low];
    uintptr_t limit = range->start <= address ? range->start + range->length : range->start;
    if (limit < *end)
        *end = limit;
    return range->start <= address ? range : NULL;
}

static struct mapping *last_mapping(struct taking *taking)
{
    struct mapping *mappings = taking->mappings.at;
    return taking->mappings.n ? &mappings[taking->mappings.n - 1] : NULL;
}

static void add_mapping(struct taking *taking, uintptr_t start, uintptr_t end, const char *kind,
                        const struct lp_vma *vma)
{
    struct mapping *mapping = add(taking, &taking->mappings);
    if (mapping)
        *mapping = (struct mapping){
            .start = start, .end = end, .kind = kind, .vma = vma, .stack = LP_STACK_EARLIER};
}

static void add_known(struct taking *taking, uintptr_t start, uintptr_t end,
                      const struct lp_range *range, const struct lp_vma *vma)
{
    struct mapping *last = last_mapping(taking);
    if (last && last->known && last->call == range->call && last->end == start) {
        last->end = end;
        if (lp_vma_reserved(last->vma))
            last->vma = vma;
        return;
    }
    add_mapping(taking, start, end, range->own ? profiler : NULL, vma);
    if (!taking->failed && (last = last_mapping(taking))) {
        last->stack = range->stack;
        last->birth = range->birth;
        last->call = range->call;
        last->known = true;
    }
}

static bool begins(const char *name, const char *with)
{
    return !strncmp(name, with, strlen(with));
}

static const char *kind_of_name(const char *name)
{
    static const struct {
        const char *begin, *kind;
    } kinds[] = {
        {"[heap]", arena},
        {"[stack]", main_stack},
        {"[anon_shmem:", shared},
        {"[anon: glibc: pthread stack", thread_stack},
        {"[anon: glibc: malloc", arena},
        {"[anon", anonymous},
        {"[", kernel},
        {"/memfd:", shared},
        {"/dev/shm/", shared},
        {"/dev/zero (deleted)", shared},
        {"/SYSV", shared},
        {"", file},
    };
    if (!name[0])
        return anonymous;
    for (size_t i = 0;; i++)
        if (begins(name, kinds[i].begin))
            return kinds[i].kind;
}

/* Objects and data files: all that one file has side by side is one mapping. */
static void add_file(struct taking *taking, uintptr_t start, uintptr_t end, const char *kind,
                     const struct lp_vma *vma)
{
    struct mapping *last = last_mapping(taking);
    if (last && last->kind == kind && last->end == start && last->vma->inode == vma->inode &&
        last->vma->device == vma->device)
        last->end = end;
    else
        add_mapping(taking, start, end, kind, vma);
}

/* Is the thread that this stack belongs to the one that takes the profile? */
static bool is_ours(uintptr_t self)
{
    return self == (uintptr_t)pthread_self() && lp_own_thread(gettid());
}

/* Nameless memory that no hook saw, in one VMA, up to `end`. Returns where what begins there ends.
 */
static uintptr_t add_nameless(struct taking *taking, uintptr_t start, uintptr_t end,
                              const struct lp_vma *vma)
{
    uintptr_t object_end = end, self, limit;
    struct mapping *last = last_mapping(taking);
    bool touches = last && last->end == start && !last->known;
    if (range_at(&taking->objects, start, &object_end)) { /* zeros behind a file's data */
        if (touches && last->kind == file)
            last->end = object_end;
        else
            add_mapping(taking, start, object_end, file, vma);
        return object_end;
    }
    end = object_end;
    if (lp_vma_reserved(vma)) {
        if (touches && last->kind == arena && start % (64 << 20))
            last->end = end; /* what the arena has in reserve */
        else
            add_mapping(taking, start, end, unknown, vma);
        return end;
    }
    if ((limit = lp_libc_stack(start, end, &self))) { /* first: there may be thousands */
        const char *kind = is_ours(self) ? profiler : thread_stack;
        if (touches && last->kind == unknown && lp_vma_reserved(last->vma)) {
            last->end = limit; /* its guard */
            last->kind = kind;
            last->vma = vma;
        } else {
            add_mapping(taking, start, limit, kind, vma);
        }
    } else if ((limit = lp_libc_arena(start, end))) {
        add_mapping(taking, start, limit, arena, vma);
    } else if ((limit = lp_libc_block(start, end))) {
        add_mapping(taking, start, limit, block, vma);
    } else {
        add_mapping(taking, start, limit = end, unknown, vma);
    }
    return limit;
}

static uintptr_t add_unknown(struct taking *taking, uintptr_t start, uintptr_t end,
                             const struct lp_vma *vma)
{
    const char *name = lp_vma_name(&taking->vmas, vma), *kind = kind_of_name(name);
    if (kind == anonymous)
        return add_nameless(taking, start, end, vma);
    if (kind == file || kind == shared)
        add_file(taking, start, end, kind, vma);
    else
        add_mapping(taking, start, end, kind, vma);
    return end;
}

/* What begins at `start` in this VMA; returns where it ends. */
static uintptr_t add_next(struct taking *taking, uintptr_t start, const struct lp_vma *vma)
{
    uintptr_t end = vma->end;
    const struct lp_range *range;
    if (range_at(&taking->own, start, &end)) {
        add_mapping(taking, start, end, profiler, vma);
        return end;
    }
    if ((range = range_at(&taking->after, start, &end)) ||
        (range = range_at(&taking->before, start, &end))) {
        add_known(taking, start, end, range, vma);
        return end;
    }
    return add_unknown(taking, start, end, vma);
}

static void visit_resident(uintptr_t start, uintptr_t end, void *arg)
{
    struct taking *taking = arg;
    struct mapping *mappings = taking->mappings.at;
    while (taking->at < taking->mappings.n && mappings[taking->at].end <= start)
        taking->at++;
    for (size_t i = taking->at; i < taking->mappings.n && mappings[i].start < end; i++) {
        uintptr_t from = start > mappings[i].start ? start : mappings[i].start;
        mappings[i].resident += (end < mappings[i].end ? end : mappings[i].end) - from;
    }
}

static void count_reserved(struct taking *taking)
{
    struct mapping *mappings = taking->mappings.at;
    size_t i = 0;
    for (size_t v = 0; v < taking->vmas.n; v++) {
        const struct lp_vma *vma = &taking->vmas.at[v];
        if (!lp_vma_reserved(vma))
            continue;
        while (i < taking->mappings.n && mappings[i].end <= vma->start)
            i++;
        for (size_t k = i; k < taking->mappings.n && mappings[k].start < vma->end; k++) {
            uintptr_t from = vma->start > mappings[k].start ? vma->start : mappings[k].start;
            mappings[k].none += (vma->end < mappings[k].end ? vma->end : mappings[k].end) - from;
        }
    }
}

/* Is what it holds without permissions worth telling apart? */
static bool tells_reserved(const struct mapping *mapping)
{
    return (mapping->kind == anonymous || mapping->kind == arena || mapping->kind == unknown) &&
           (mapping->none > GUARD_MAX || mapping->none == mapping->end - mapping->start);
}

static int put_row(struct lp_profile *profile, uint32_t stack, const char *kind, int64_t count,
                   int64_t bytes, int64_t resident)
{
    struct lp_row *row = profile->nrows ? &profile->rows[profile->nrows - 1] : NULL;
    if (!row || row->stack != stack || row->label_text != kind) {
        if (!(row = lp_profile_row(profile)))
            return -ENOMEM;
        row->stack = stack;
        row->label_text = kind;
    }
    row->value[0] += count;
    row->value[1] += bytes;
    row->value[2] += resident;
    return 0;
}

static int put_mapping(struct taking *taking, struct lp_profile *profile,
                       const struct mapping *mapping, uint32_t now)
{
    char text[400];
    const char *kind = mapping->kind;
    int64_t bytes = (int64_t)(mapping->end - mapping->start), apart = 0;
    if (tells_reserved(mapping)) {
        apart = (int64_t)mapping->none;
        if (apart == bytes)
            kind = reserved, apart = 0;
        else if (put_row(profile, mapping->stack, reserved, 0, apart, 0) != 0)
            return -ENOMEM;
    }
    int n = snprintf(text, sizeof text, "%lx-%lx %s", mapping->start, mapping->end,
                     mapping->vma->protection);
    const char *name = lp_vma_name(&taking->vmas, mapping->vma);
    if (name[0])
        n += snprintf(text + n, sizeof text - (size_t)n, " %.300s", name);
    if (apart)
        snprintf(text + n, sizeof text - (size_t)n, ", and %lld bytes in reserve",
                 (long long)apart);
    struct lp_item *item = lp_profile_item(profile);
    const char *state = lp_profile_text(profile, text);
    if (!item || !state)
        return -ENOMEM;
    *item = (struct lp_item){
        .id = (int64_t)mapping->start,
        .stack = mapping->stack,
        .name = kind,
        .state = state,
        .state_ns = -1,
        .age_ns = mapping->known && now >= mapping->birth
                      ? (int64_t)(now - mapping->birth) * LP_TICK_NS
                      : -1,
        .value = {1, bytes - apart, (int64_t)mapping->resident},
    };
    return put_row(profile, mapping->stack, kind, 1, bytes - apart, (int64_t)mapping->resident);
}

static int put_all(struct taking *taking, struct lp_profile *profile)
{
    struct mapping *mappings = taking->mappings.at;
    uint32_t now = lp_now_ticks();
    int result = 0;
    for (size_t i = 0; result == 0 && i < taking->mappings.n; i++) {
        struct mapping *mapping = &mappings[i];
        if (!mapping->kind)
            mapping->kind = kind_of_name(lp_vma_name(&taking->vmas, mapping->vma));
        if (mapping->kind == profiler) {
            profile->own[0]++;
            profile->own[1] += (int64_t)(mapping->end - mapping->start);
            profile->own[2] += (int64_t)mapping->resident;
        } else {
            result = put_mapping(taking, profile, mapping, now);
        }
    }
    return result;
}

static int look(struct taking *taking)
{
    read_table(taking, &taking->before);
    int result = lp_vmas_read(&taking->vmas);
    read_table(taking, &taking->after);
    lp_own_each(visit_own, taking);
    dl_iterate_phdr(visit_object, taking);
    if (result || taking->failed)
        return result ? result : -ENOMEM;
    if (taking->own.n)
        qsort(taking->own.at, taking->own.n, sizeof(struct lp_range), by_start);
    if (taking->objects.n)
        qsort(taking->objects.at, taking->objects.n, sizeof(struct lp_range), by_start);
    for (size_t v = 0; v < taking->vmas.n; v++) {
        const struct lp_vma *vma = &taking->vmas.at[v];
        for (uintptr_t at = vma->start; at < vma->end && !taking->failed;)
            at = add_next(taking, at, vma);
    }
    if (taking->failed)
        return -ENOMEM;
    count_reserved(taking);
    return lp_resident_each(&taking->vmas, visit_resident, taking);
}

static int take(struct lp_profile *profile)
{
    struct taking taking = {
        .before.item = sizeof(struct lp_range),
        .after.item = sizeof(struct lp_range),
        .own.item = sizeof(struct lp_range),
        .objects.item = sizeof(struct lp_range),
        .mappings.item = sizeof(struct mapping),
    };
    int result = look(&taking);
    if (result == 0)
        result = put_all(&taking, profile);
    release(&taking.before);
    release(&taking.after);
    release(&taking.own);
    release(&taking.objects);
    release(&taking.mappings);
    lp_vmas_release(&taking.vmas);
    return result;
}

static int64_t count(void)
{
    return lp_ranges_live(&lp_maps);
}

/* Those that leak by themselves, and of which it is known who made them. A leaked thread's stack is
 * the threads profile's matter, a leaked block's memory the heap's, and what is in reserve takes no
 * memory. What no hook saw is libc's or a runtime's own. */
static bool leaks_by_itself(const struct lp_row *row)
{
    static const char *const kinds[] = {anonymous, file, shared};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (row->label_text && !strcmp(row->label_text, kinds[i]))
            return row->stack >= LP_STACK_FIRST;
    return false;
}

const struct lp_profile_kind lp_maps_kind = {
    .name = "maps",
    .about = "Mappings, by the stack that mapped them. debug=2 shows each by itself.",
    .nvalues = 3,
    .values = {{"maps", "count"}, {"mapped", "bytes"}, {"resident", "bytes"}},
    .default_value = -1,
    .shown_value = 1,
    .growth_value = 1,
    .period = {"maps", "count"},
    .label_key = "kind",
    .item = "mapping",
    .take = take,
    .count = count,
    .resources = {{"mappings", "bytes", 1 << 20, LP_BOUND_MEMORY, 1, leaks_by_itself}},
};
