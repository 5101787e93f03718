/*
 * Walks the loader's list of objects without its lock: before main, nothing is loaded or unloaded,
 * and later everything has been found. Symbols are looked up as the ELF specification requires, in
 * the hash table that GNU's linker makes (DT_GNU_HASH: a Bloom filter, buckets, and chains of
 * hashes, the last of which is odd). If a symbol has several versions, the default one is used.
 */
#include "hooks/real.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { VERSION_HIDDEN = 0x8000, BLOOM_BITS = 64 };

struct object {
    uintptr_t base;
    const ElfW(Sym) * symbols;
    const char *strings;
    const ElfW(Half) * versions; /* NULL: the object has none */
    uint32_t nbuckets, first, nbloom, shift;
    const uint64_t *bloom;
    const uint32_t *buckets, *chains;
};

extern const struct lp_real __start_lp_real[] __attribute__((visibility("hidden")));
extern const struct lp_real __stop_lp_real[] __attribute__((visibility("hidden")));

/* glibc makes these entries absolute when it loads an object. The vdso's stay as they are in the
 * file. */
static const void *absolute(const struct link_map *map, ElfW(Addr) value)
{
    return (const void *)(value < map->l_addr ? value + map->l_addr : value);
}

static bool describe(const struct link_map *map, struct object *object)
{
    const uint32_t *hash = NULL;
    *object = (struct object){.base = map->l_addr};
    for (const ElfW(Dyn) *d = map->l_ld; d && d->d_tag != DT_NULL; d++) {
        if (d->d_tag == DT_GNU_HASH)
            hash = absolute(map, d->d_un.d_ptr);
        else if (d->d_tag == DT_SYMTAB)
            object->symbols = absolute(map, d->d_un.d_ptr);
        else if (d->d_tag == DT_STRTAB)
            object->strings = absolute(map, d->d_un.d_ptr);
        else if (d->d_tag == DT_VERSYM)
            object->versions = absolute(map, d->d_un.d_ptr);
    }
    if (!hash || !object->symbols || !object->strings || hash[0] == 0 || hash[2] == 0)
        return false;
    object->nbuckets = hash[0];
    object->first = hash[1];
    object->nbloom = hash[2];
    object->shift = hash[3];
    object->bloom = (const uint64_t *)(hash + 4);
    object->buckets = (const uint32_t *)(object->bloom + object->nbloom);
    object->chains = object->buckets + object->nbuckets;
    return true;
}

static uint32_t hash_of(const char *name)
{
    uint32_t h = 5381;
    for (; *name; name++)
        h = h * 33 + (unsigned char)*name;
    return h;
}

static void *address_of(const struct object *object, const ElfW(Sym) * symbol)
{
    uintptr_t address = object->base + symbol->st_value;
    if (ELF64_ST_TYPE(symbol->st_info) == STT_GNU_IFUNC)
        address = (uintptr_t)((void *(*)(void))address)();
    return (void *)address;
}

static void *look_up(const struct object *object, const char *name, uint32_t hash)
{
    uint64_t word = object->bloom[hash / BLOOM_BITS % object->nbloom];
    if (!(word >> hash % BLOOM_BITS & word >> (hash >> object->shift) % BLOOM_BITS & 1))
        return NULL;
    uint32_t i = object->buckets[hash % object->nbuckets];
    if (i < object->first)
        return NULL;
    for (;; i++) {
        uint32_t seen = object->chains[i - object->first];
        const ElfW(Sym) *symbol = &object->symbols[i];
        if ((seen | 1) == (hash | 1) && symbol->st_shndx != SHN_UNDEF && symbol->st_value &&
            strcmp(object->strings + symbol->st_name, name) == 0 &&
            !(object->versions && object->versions[i] & VERSION_HIDDEN))
            return address_of(object, symbol);
        if (seen & 1)
            return NULL;
    }
}

void lp_real_find(void)
{
    struct dl_find_object ours;
    if (_dl_find_object((void *)lp_real_find, &ours) != 0)
        return;
    for (const struct link_map *map = ours.dlfo_link_map->l_next; map; map = map->l_next) {
        struct object object;
        if (!describe(map, &object))
            continue;
        for (const struct lp_real *r = __start_lp_real; r < __stop_lp_real; r++)
            if (!__atomic_load_n(r->place, __ATOMIC_RELAXED))
                __atomic_store_n(r->place, look_up(&object, r->name, hash_of(r->name)),
                                 __ATOMIC_RELAXED);
    }
}
