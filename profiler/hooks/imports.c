/*
 * Each import is a slot in the library's global offset table. In nearly every program, all slots
 * point into libc. They stay as they are, at the cost of one comparison each. The table is
 * read-only after relocation, so its page is made writable while a slot is changed. Functions that
 * the loader defines and libc does not keep their binding.
 */
#include "hooks/imports.h"

#include <elf.h>
#include <link.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "hooks/symbols.h"
#include "record/findobject.h"
#include "sys/pages.h"
#include "sys/syscall.h"

extern void __cxa_finalize(void *object); /* a reserved name, which only libc defines */

struct relocations {
    const ElfW(Rela) * at;
    size_t bytes;
};

static void store(void **slot, void *function)
{
    uintptr_t page = (uintptr_t)slot & ~(uintptr_t)(LP_PAGE - 1);
    if (lp_syscall(SYS_mprotect, page, LP_PAGE, PROT_READ | PROT_WRITE) != 0)
        return;
    __atomic_store_n(slot, function, __ATOMIC_RELEASE);
    lp_syscall(SYS_mprotect, page, LP_PAGE, PROT_READ); /* as all pages of the table */
}

static void bind(const struct relocations *relocations, const struct lp_symbols *ours,
                 const struct lp_symbols *libc, const struct lp_found *range)
{
    for (size_t i = 0; relocations->at && i < relocations->bytes / sizeof(ElfW(Rela)); i++) {
        const ElfW(Rela) *r = &relocations->at[i];
        const ElfW(Sym) *symbol = &ours->symbols[ELF64_R_SYM(r->r_info)];
        unsigned long type = ELF64_R_TYPE(r->r_info);
        void **slot = (void **)(ours->base + r->r_offset), *function;
        if ((type != R_X86_64_GLOB_DAT && type != R_X86_64_JUMP_SLOT) ||
            symbol->st_shndx != SHN_UNDEF || !*slot ||
            (*slot >= range->start && *slot < range->end))
            continue;
        if ((function = lp_symbols_find(libc, ours->strings + symbol->st_name)))
            store(slot, function);
    }
}

#ifdef LP_OBJECT_LIST
/* The list cannot be used: what refreshes it is not bound yet. All slots are looked up. */
static bool find_libc(const struct link_map *ours, struct lp_found *libc)
{
    struct lp_symbols symbols;
    *libc = (struct lp_found){0};
    for (const struct link_map *map = ours->l_next; map; map = map->l_next)
        if (lp_symbols_of(map, &symbols) &&
            lp_symbols_find(&symbols, "__cxa_finalize") == (void *)__cxa_finalize) {
            libc->map = map;
            return true;
        }
    return false;
}

/* Before glibc 2.34 these are libraries of their own. */
static bool is_part_of_libc(const struct link_map *map)
{
    return strstr(map->l_name, "/libpthread.so.0") || strstr(map->l_name, "/libdl.so.2");
}
#else
static bool find_libc(const struct link_map *ours, struct lp_found *libc)
{
    (void)ours;
    return lp_find_object((void *)__cxa_finalize, libc);
}
#endif

void lp_imports_bind(const struct link_map *ours)
{
    struct relocations calls = {0}, others = {0};
    size_t relative = 0;
    struct lp_found range;
    struct lp_symbols mine, libc;
    if (!find_libc(ours, &range) || !lp_symbols_of(ours, &mine) || !lp_symbols_of(range.map, &libc))
        return;
    for (const ElfW(Dyn) *d = ours->l_ld; d->d_tag != DT_NULL; d++) {
        if (d->d_tag == DT_JMPREL)
            calls.at = lp_symbols_absolute(ours, d->d_un.d_ptr);
        else if (d->d_tag == DT_PLTRELSZ)
            calls.bytes = d->d_un.d_val;
        else if (d->d_tag == DT_RELA)
            others.at = lp_symbols_absolute(ours, d->d_un.d_ptr);
        else if (d->d_tag == DT_RELASZ)
            others.bytes = d->d_un.d_val;
        else if (d->d_tag == DT_RELACOUNT)
            relative = d->d_un.d_val;
    }
    others.at += relative; /* these come first, and name no function */
    others.bytes -= relative * sizeof(ElfW(Rela));
    bind(&calls, &mine, &libc, &range);
    bind(&others, &mine, &libc, &range);
#ifdef LP_OBJECT_LIST
    for (const struct link_map *map = ours->l_next; map; map = map->l_next)
        if (is_part_of_libc(map) && lp_symbols_of(map, &libc)) {
            bind(&calls, &mine, &libc, &range);
            bind(&others, &mine, &libc, &range);
        }
#endif
}
