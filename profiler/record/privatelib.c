#include "record/privatelib.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "record/code.h"
#include "record/findobject.h"
#include "record/loader.h"
#include "sys/pages.h"
#include "sys/syscall.h"

struct tables {
    const ElfW(Sym) * symbols;
    const char *strings;
    const ElfW(Rela) * rela[2]; /* those of functions, those of everything else */
    size_t nrela[2];
};

/* glibc makes these entries absolute when it loads a library. Other loaders leave them as they are
 * in the file. */
static const void *absolute(const struct link_map *map, ElfW(Addr) value)
{
    return (const void *)(value < map->l_addr ? value + map->l_addr : value);
}

static struct tables tables_of(const struct link_map *map)
{
    struct tables t = {0};
    for (const ElfW(Dyn) *d = map->l_ld; d->d_tag != DT_NULL; d++) {
        switch (d->d_tag) {
        case DT_SYMTAB:
            t.symbols = absolute(map, d->d_un.d_ptr);
            break;
        case DT_STRTAB:
            t.strings = absolute(map, d->d_un.d_ptr);
            break;
        case DT_JMPREL:
            t.rela[0] = absolute(map, d->d_un.d_ptr);
            break;
        case DT_PLTRELSZ:
            t.nrela[0] = d->d_un.d_val / sizeof(ElfW(Rela));
            break;
        case DT_RELA:
            t.rela[1] = absolute(map, d->d_un.d_ptr);
            break;
        case DT_RELASZ:
            t.nrela[1] = d->d_un.d_val / sizeof(ElfW(Rela));
            break;
        default:
            break;
        }
    }
    return t;
}

/* The slot may lie where the loader has made memory read-only after relocation. */
static void redirect(void **slot, const struct lp_override *override)
{
    const char *page = (const char *)((uintptr_t)slot & ~(uintptr_t)(LP_PAGE - 1));
    if (*slot == override->function)
        return;
    if (override->original)
        *override->original = *slot;
    if (lp_syscall(SYS_mprotect, page, LP_PAGE, PROT_READ | PROT_WRITE) == 0)
        __atomic_store_n(slot, override->function, __ATOMIC_RELEASE);
}

static void redirect_all(const struct link_map *map, const struct lp_override *overrides)
{
    struct tables t = tables_of(map);
    if (!t.symbols || !t.strings)
        return;
    for (int kind = 0; kind < 2; kind++) {
        for (size_t i = 0; t.rela[kind] && i < t.nrela[kind]; i++) {
            const ElfW(Rela) *r = &t.rela[kind][i];
            unsigned long type = ELF64_R_TYPE(r->r_info);
            const char *name = t.strings + t.symbols[ELF64_R_SYM(r->r_info)].st_name;
            if (type != R_X86_64_JUMP_SLOT && type != R_X86_64_GLOB_DAT)
                continue;
            for (const struct lp_override *o = overrides; o->name; o++)
                if (strcmp(name, o->name) == 0)
                    redirect((void **)(map->l_addr + r->r_offset), o);
        }
    }
}

static bool tls_fits(const struct link_map *map, size_t bytes)
{
    struct dl_phdr_info info;
    if (!lp_code_object((uintptr_t)map->l_ld, &info))
        return false;
    for (int i = 0; i < info.dlpi_phnum; i++)
        if (info.dlpi_phdr[i].p_type == PT_TLS &&
            (info.dlpi_phdr[i].p_memsz > bytes || info.dlpi_phdr[i].p_filesz > 0))
            return false;
    return true;
}

void *lp_privatelib_load(const char *name, const struct lp_override *overrides, size_t tls_bytes)
{
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
    int deep = 0; /* the sanitizers' runtimes refuse RTLD_DEEPBIND */
#else
    int deep = RTLD_DEEPBIND;
#endif
    void *library = lp_loader_open(name, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE | deep);
    struct link_map *map = NULL;
    lp_find_object_opened(library);
    if (!library || dlinfo(library, RTLD_DI_LINKMAP, &map) != 0 || !map ||
        !tls_fits(map, tls_bytes))
        return NULL;
    redirect_all(map, overrides);
    return library;
}
