/*
 * Two arrays, sorted by address. The writer fills the one that is not in use, then puts it into
 * use. A reader checks afterwards that the writer has not begun to fill the array that was read. A
 * handler that interrupts the writer reads the other array. Arrays are never unmapped: a full one
 * is replaced by one of twice the size, so all of them together are less than two of the last.
 *
 * An entry of the loader is freed when its object is unloaded, so readers get a copy of its head.
 * Copies are never freed or changed. An object keeps its copy as long as it is loaded.
 */
#include "record/findobject.h"

#ifdef LP_OBJECT_LIST
#include <stdatomic.h>
#include <string.h>

#include "record/capacity.h"
#include "sys/losses.h"
#include "sys/pages.h"
#include "sys/peek.h"
#include "sys/slab.h"
#include "sys/syscall.h"

enum { TRIES = 100, NAME_SHIFT = 14, PARTS_MAX = 16 };

struct array {
    uint32_t n, capacity;
    struct lp_found at[];
};

static _Atomic(struct array *) arrays[2];
static _Atomic uint64_t begun, completed; /* completed % 2 is in use, if it is not 0 */

/* The rest belongs to the writer. */
static _Atomic pid_t writer; /* the process, because a forked child may lack the thread */
static _Atomic bool again;
static _Atomic uint32_t nobjects;     /* in the list that is in use */
static unsigned long long adds, subs; /* the loader's counters at the last refresh */
LP_SLAB(copies, sizeof(struct link_map), 6, LP_OWN_MODULES);
LP_SLAB(names, 1, NAME_SHIFT, LP_OWN_MODULES);

struct reading {
    struct array *to;
    const struct array *from;
    struct link_map *map; /* the entry that comes next */
    bool changed, failed;
    uint32_t nobjects;
    unsigned long long adds, subs;
};

/* Returns the number of parts that begin at this address or below. */
static uint32_t rank(const struct array *array, uintptr_t address)
{
    uint32_t low = 0, high = array->n < array->capacity ? array->n : array->capacity;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if ((uintptr_t)array->at[middle].start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool search(const struct array *array, uintptr_t address, struct lp_found *object)
{
    uint32_t i = array ? rank(array, address) : 0;
    if (i == 0 || address >= (uintptr_t)array->at[i - 1].end)
        return false;
    *object = array->at[i - 1];
    return true;
}

bool lp_object_list_find(uintptr_t address, struct lp_found *object)
{
    if (atomic_load_explicit(&completed, memory_order_relaxed) == 0)
        lp_object_list_refresh();
    for (int i = 0; i < TRIES; i++) {
        uint64_t seen = atomic_load_explicit(&completed, memory_order_acquire);
        bool found =
            search(atomic_load_explicit(&arrays[seen % 2], memory_order_acquire), address, object);
        atomic_thread_fence(memory_order_acquire);
        if (atomic_load_explicit(&begun, memory_order_relaxed) <= seen + 1)
            return found;
    }
    return false;
}

/* Makes room for one more part. */
static bool reserve(struct reading *reading)
{
    struct array *old = reading->to;
    if (old && old->n < old->capacity)
        return true;
    size_t bytes = old ? 2 * (sizeof *old + old->capacity * sizeof old->at[0]) : LP_PAGE;
    bytes = (bytes + LP_PAGE - 1) & ~(size_t)(LP_PAGE - 1);
    struct array *larger = lp_own_map(bytes, LP_OWN_MODULES);
    if (!larger)
        return false;
    larger->capacity = (uint32_t)((bytes - sizeof *larger) / sizeof larger->at[0]);
    if (old) {
        larger->n = old->n;
        memcpy(larger->at, old->at, old->n * sizeof old->at[0]);
    }
    reading->to = larger;
    return true;
}

static bool insert(struct reading *reading, const struct lp_found *part)
{
    if (!reserve(reading))
        return false;
    struct array *to = reading->to;
    uint32_t i = rank(to, (uintptr_t)part->start);
    memmove(&to->at[i + 1], &to->at[i], (to->n - i) * sizeof to->at[0]);
    to->at[i] = *part;
    to->n++;
    return true;
}

/* Has an object of the last refresh this copy already? An object that was unloaded and loaded again
 * since then has the same one. */
static const struct link_map *known(const struct array *from, const struct link_map *map,
                                    const void *eh_frame)
{
    for (uint32_t i = 0; from && i < from->n; i++) {
        const struct lp_found *o = &from->at[i];
        if (o->loader_map == map && o->eh_frame == eh_frame && o->map->l_ld == map->l_ld &&
            o->map->l_addr == map->l_addr && strcmp(o->map->l_name, map->l_name) == 0)
            return o->map;
    }
    return NULL;
}

static const struct link_map *copy_of(const struct link_map *map)
{
    size_t bytes = strlen(map->l_name) + 1;
    uint32_t i = lp_slab_count(&copies) < LP_LOADED_MAX ? lp_slab_add(&copies, 1) : LP_SLAB_FULL;
    uint32_t text = i != LP_SLAB_FULL && bytes <= 1 << NAME_SHIFT
                        ? lp_slab_add(&names, (uint32_t)bytes)
                        : LP_SLAB_FULL;
    struct link_map *copy = text == LP_SLAB_FULL ? NULL : lp_slab_at(&copies, i);
    char *name = copy ? lp_slab_at(&names, text) : NULL;
    if (!name)
        return NULL;
    memcpy(name, map->l_name, bytes);
    *copy = (struct link_map){.l_addr = map->l_addr, .l_name = name, .l_ld = map->l_ld};
    return copy;
}

/* The segments of an object are sorted by address. Those without a hole between are one part. */
static uint32_t parts_of(const struct dl_phdr_info *info, struct lp_found *parts)
{
    const uintptr_t rest = LP_PAGE - 1;
    uint32_t n = 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type != PT_LOAD || segment->p_memsz == 0)
            continue;
        uintptr_t start = (info->dlpi_addr + segment->p_vaddr) & ~rest;
        uintptr_t end = info->dlpi_addr + segment->p_vaddr + segment->p_memsz;
        if (n > 0 && start <= (((uintptr_t)parts[n - 1].end + rest) & ~rest))
            parts[n - 1].end = (void *)end;
        else if (n < PARTS_MAX)
            parts[n++] = (struct lp_found){.start = (void *)start, .end = (void *)end};
    }
    return n;
}

static void *eh_frame_of(const struct dl_phdr_info *info)
{
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_GNU_EH_FRAME)
            return (void *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
    return NULL;
}

/* The loader's list and dl_iterate_phdr() have the same order. */
static struct link_map *entry_of(const struct dl_phdr_info *info, struct link_map *map)
{
    while (map && (map->l_addr != info->dlpi_addr || map->l_name != info->dlpi_name))
        map = map->l_next;
    return map;
}

/* Called while the loader holds its list still. */
static int add(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct reading *reading = arg;
    struct lp_found parts[PARTS_MAX];
    (void)size;
    if (!reading->changed && reading->from && info->dlpi_adds == adds && info->dlpi_subs == subs)
        return 1;
    reading->changed = true;
    reading->adds = info->dlpi_adds;
    reading->subs = info->dlpi_subs;
    struct link_map *map = entry_of(info, reading->map);
    if (!map)
        return 0;
    reading->map = map->l_next;
    reading->nobjects++;
    void *eh_frame = eh_frame_of(info);
    const struct link_map *copy = known(reading->from, map, eh_frame);
    if (!copy)
        copy = copy_of(map);
    for (uint32_t i = 0, n = copy ? parts_of(info, parts) : 0; i < n; i++) {
        parts[i].map = copy;
        parts[i].loader_map = map;
        parts[i].eh_frame = eh_frame;
        reading->failed |= !insert(reading, &parts[i]);
    }
    reading->failed |= !copy;
    return 0;
}

static void refresh(void)
{
    uint64_t next = atomic_load(&completed) + 1;
    struct reading reading = {
        .to = atomic_load(&arrays[next % 2]),
        .from = next > 1 ? atomic_load(&arrays[(next - 1) % 2]) : NULL,
        .map = _r_debug.r_map,
    };
    atomic_store(&begun, next);
    atomic_thread_fence(memory_order_seq_cst);
    if (reading.to)
        reading.to->n = 0;
    dl_iterate_phdr(add, &reading);
    if (!reading.changed)
        return;
    atomic_store(&nobjects, reading.nobjects);
    adds = reading.adds;
    subs = reading.subs;
    if (reading.failed)
        lp_loss(LP_LOSS_OBJECTS);
    atomic_store_explicit(&arrays[next % 2], reading.to, memory_order_release);
    atomic_store_explicit(&completed, next, memory_order_release);
}

void lp_object_list_refresh(void)
{
    pid_t self = (pid_t)lp_syscall(SYS_getpid), other = 0;
    atomic_store(&again, true);
    while (atomic_load(&again)) {
        if (!atomic_compare_exchange_strong(&writer, &other, self) &&
            (other == self || !atomic_compare_exchange_strong(&writer, &other, self)))
            return;
        while (atomic_exchange(&again, false))
            refresh();
        atomic_store(&writer, 0);
        other = 0;
    }
}
/* The entries are copied, because they may be freed meanwhile. */
bool lp_object_list_stale(void)
{
    struct link_map entry;
    struct lp_found found;
    uint32_t n = 0;
    bool same = lp_peek_begin();
    if (!same) { /* it cannot be seen */
        lp_peek_end();
        return false;
    }
    for (const struct link_map *map = _r_debug.r_map; map && same && n < LP_LOADED_MAX; n++) {
        same = lp_peek((uintptr_t)map, &entry, sizeof entry) && entry.l_ld &&
               lp_object_list_find((uintptr_t)entry.l_ld, &found) && found.loader_map == map;
        map = entry.l_next;
    }
    lp_peek_end();
    return !same || n != atomic_load(&nobjects);
}
#endif
