/*
 * Looks up a symbol in one loaded object as the ELF specification requires, in the hash table that
 * GNU's linker makes (DT_GNU_HASH: a Bloom filter, buckets, and chains of hashes, the last of which
 * is odd). If a symbol has several versions, the default one is used. Takes no lock, allocates
 * nothing and calls no function of libc, because the program may define one of that name.
 */
#ifndef LP_HOOKS_SYMBOLS_H
#define LP_HOOKS_SYMBOLS_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

struct lp_symbols {
    uintptr_t base;
    const ElfW(Sym) * symbols;
    const char *strings;
    const ElfW(Half) * versions; /* NULL: the object has none */
    uint32_t nbuckets, first, nbloom, shift;
    const uint64_t *bloom;
    const uint32_t *buckets, *chains;
};

/* For entries of a dynamic section that are addresses. glibc makes them absolute when it loads an
 * object. The vdso's stay as they are in the file. */
static inline const void *lp_symbols_absolute(const struct link_map *map, ElfW(Addr) value)
{
    return (const void *)(value < map->l_addr ? value + map->l_addr : value);
}

/* false: the object has no such table. */
bool lp_symbols_of(const struct link_map *map, struct lp_symbols *symbols);

/* The address of a function that the object defines; NULL: it defines none of this name. */
void *lp_symbols_find(const struct lp_symbols *symbols, const char *name);

#endif
