#include "hooks/symbols.h"

#include <elf.h>
#include <stddef.h>

enum { VERSION_HIDDEN = 0x8000, BLOOM_BITS = 64 };

bool lp_symbols_of(const struct link_map *map, struct lp_symbols *symbols)
{
    const uint32_t *hash = NULL;
    symbols->base = map->l_addr;
    symbols->symbols = NULL;
    symbols->strings = NULL;
    symbols->versions = NULL;
    for (const ElfW(Dyn) *d = map->l_ld; d && d->d_tag != DT_NULL; d++) {
        if (d->d_tag == DT_GNU_HASH)
            hash = lp_symbols_absolute(map, d->d_un.d_ptr);
        else if (d->d_tag == DT_SYMTAB)
            symbols->symbols = lp_symbols_absolute(map, d->d_un.d_ptr);
        else if (d->d_tag == DT_STRTAB)
            symbols->strings = lp_symbols_absolute(map, d->d_un.d_ptr);
        else if (d->d_tag == DT_VERSYM)
            symbols->versions = lp_symbols_absolute(map, d->d_un.d_ptr);
    }
    if (!hash || !symbols->symbols || !symbols->strings || hash[0] == 0 || hash[2] == 0)
        return false;
    symbols->nbuckets = hash[0];
    symbols->first = hash[1];
    symbols->nbloom = hash[2];
    symbols->shift = hash[3];
    symbols->bloom = (const uint64_t *)(hash + 4);
    symbols->buckets = (const uint32_t *)(symbols->bloom + symbols->nbloom);
    symbols->chains = symbols->buckets + symbols->nbuckets;
    return true;
}

static uint32_t hash_of(const char *name)
{
    uint32_t h = 5381;
    for (; *name; name++)
        h = h * 33 + (unsigned char)*name;
    return h;
}

static bool same(const char *a, const char *b)
{
    for (; *a && *a == *b; a++)
        b++;
    return *a == *b;
}

static bool is_function(const ElfW(Sym) * symbol)
{
    unsigned type = ELF64_ST_TYPE(symbol->st_info);
    return symbol->st_shndx != SHN_UNDEF && symbol->st_value &&
           (type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE);
}

static void *address_of(const struct lp_symbols *symbols, const ElfW(Sym) * symbol)
{
    uintptr_t address = symbols->base + symbol->st_value;
    if (ELF64_ST_TYPE(symbol->st_info) == STT_GNU_IFUNC)
        address = (uintptr_t)((void *(*)(void))address)();
    return (void *)address;
}

void *lp_symbols_find(const struct lp_symbols *symbols, const char *name)
{
    uint32_t hash = hash_of(name);
    uint64_t word = symbols->bloom[hash / BLOOM_BITS % symbols->nbloom];
    if (!(word >> hash % BLOOM_BITS & word >> (hash >> symbols->shift) % BLOOM_BITS & 1))
        return NULL;
    uint32_t i = symbols->buckets[hash % symbols->nbuckets];
    if (i < symbols->first)
        return NULL;
    for (;; i++) {
        uint32_t seen = symbols->chains[i - symbols->first];
        const ElfW(Sym) *symbol = &symbols->symbols[i];
        if ((seen | 1) == (hash | 1) && is_function(symbol) &&
            same(symbols->strings + symbol->st_name, name) &&
            !(symbols->versions && symbols->versions[i] & VERSION_HIDDEN))
            return address_of(symbols, symbol);
        if (seen & 1)
            return NULL;
    }
}
