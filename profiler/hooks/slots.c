/*
 * Some slots are in pages that the loader makes read-only after relocation (RELRO). They are made
 * writable for the moment of the change. An object that another thread is just loading may not be
 * relocated yet: then its pages must stay writable.
 */
#include "hooks/slots.h"

#include <elf.h>
#include <string.h>
#include <sys/mman.h>

#include "hooks/symbols.h"
#include "record/code.h"
#include "record/findobject.h"
#include "sys/pages.h"
#include "sys/syscall.h"

struct object {
    struct lp_symbols symbols;
    struct lp_found range;
    uintptr_t relro, relro_end; /* read-only after relocation */
    bool complete, resolved_only;
};

void lp_slots_add(struct lp_slot_changes *changes, const char *name, void *from, void *to)
{
    if (from && to && changes->n < LP_SLOTS_MAX)
        changes->at[changes->n++] = (struct lp_slot_change){name, from, to};
}

static void find_relro(struct object *o, const struct link_map *map)
{
    struct dl_phdr_info info;
    if (!lp_code_object((uintptr_t)map->l_ld, &info))
        return;
    for (int i = 0; i < info.dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info.dlpi_phdr[i];
        if (part->p_type != PT_GNU_RELRO)
            continue;
        o->relro = (map->l_addr + part->p_vaddr) & ~(uintptr_t)(LP_PAGE - 1);
        o->relro_end = (map->l_addr + part->p_vaddr + part->p_memsz) & ~(uintptr_t)(LP_PAGE - 1);
    }
}

static void store(const struct object *o, void **slot, void *function)
{
    uintptr_t page = (uintptr_t)slot & ~(uintptr_t)(LP_PAGE - 1);
    bool read_only = page >= o->relro && page < o->relro_end;
    if (read_only && lp_syscall(SYS_mprotect, page, LP_PAGE, PROT_READ | PROT_WRITE) != 0)
        return;
    __atomic_store_n(slot, function, __ATOMIC_RELEASE);
    if (read_only && o->complete)
        lp_syscall(SYS_mprotect, page, LP_PAGE, PROT_READ);
}

static bool is_from(const struct lp_slot_changes *changes, const void *value)
{
    for (int i = 0; i < changes->n; i++)
        if (changes->at[i].from == value)
            return true;
    return false;
}

static void change(const struct object *o, const struct lp_slot_changes *changes,
                   const ElfW(Rela) * r)
{
    unsigned long type = ELF64_R_TYPE(r->r_info);
    if (type != R_X86_64_JUMP_SLOT && type != R_X86_64_GLOB_DAT && type != R_X86_64_64)
        return;
    void **slot = (void **)(o->symbols.base + r->r_offset);
    void *value = __atomic_load_n(slot, __ATOMIC_RELAXED);
    bool unresolved = type == R_X86_64_JUMP_SLOT && !o->resolved_only && value >= o->range.start &&
                      value < o->range.end;
    if (!unresolved && !is_from(changes, value))
        return;
    const char *name = o->symbols.strings + o->symbols.symbols[ELF64_R_SYM(r->r_info)].st_name;
    for (int i = 0; i < changes->n; i++)
        if (strcmp(changes->at[i].name, name) == 0 &&
            (unresolved || changes->at[i].from == value)) {
            store(o, slot, changes->at[i].to);
            return;
        }
}

static void change_all(const struct object *o, const struct lp_slot_changes *changes,
                       const ElfW(Rela) * at, size_t bytes)
{
    for (size_t i = 0; at && i < bytes / sizeof *at; i++)
        change(o, changes, &at[i]);
}

void lp_slots_change(const struct link_map *map, const struct lp_slot_changes *changes,
                     bool complete, bool resolved_only)
{
    const ElfW(Rela) *calls = NULL, *others = NULL;
    size_t calls_bytes = 0, others_bytes = 0;
    struct object o = {.complete = complete, .resolved_only = resolved_only};
    if (!map->l_ld || !lp_find_object(map->l_ld, &o.range) || !lp_symbols_of(map, &o.symbols))
        return;
    for (const ElfW(Dyn) *d = map->l_ld; d->d_tag != DT_NULL; d++) {
        if (d->d_tag == DT_JMPREL)
            calls = lp_symbols_absolute(map, d->d_un.d_ptr);
        else if (d->d_tag == DT_PLTRELSZ)
            calls_bytes = d->d_un.d_val;
        else if (d->d_tag == DT_RELA)
            others = lp_symbols_absolute(map, d->d_un.d_ptr);
        else if (d->d_tag == DT_RELASZ)
            others_bytes = d->d_un.d_val;
    }
    find_relro(&o, map);
    change_all(&o, changes, calls, calls_bytes);
    change_all(&o, changes, others, others_bytes);
}
