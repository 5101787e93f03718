#include "capture/modules.h"

#include <elf.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Pointers, so that a module never moves: symbols and cached answers point at it. */
static struct lp_module **modules;
static size_t nmodules, room;

static void hex(char *text, size_t text_room, const unsigned char *bytes, size_t n)
{
    for (size_t i = 0; i < n && 2 * i + 2 < text_room; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
}

static void read_build_id(struct lp_module *module, const struct dl_phdr_info *info)
{
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type != PT_NOTE)
            continue;
        const char *at = (const char *)(info->dlpi_addr + segment->p_vaddr);
        const char *end = at + segment->p_memsz;
        while (at + sizeof(ElfW(Nhdr)) <= end) {
            const ElfW(Nhdr) *note = (const void *)at;
            const char *name = at + sizeof *note;
            const char *desc = name + ((note->n_namesz + 3) & ~3u);
            if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 && !memcmp(name, "GNU", 4))
                hex(module->build_id, sizeof module->build_id, (const void *)desc, note->n_descsz);
            at = desc + ((note->n_descsz + 3) & ~3u);
        }
    }
}

static char *path_of(const struct dl_phdr_info *info, bool main)
{
    char path[PATH_MAX];
    if (main) {
        ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
        path[n > 0 ? n : 0] = '\0';
        return strdup(path);
    }
    if (!strncmp(info->dlpi_name, "linux-vdso", 10) || info->dlpi_name[0] == '\0')
        return strdup("[vdso]");
    return strdup(realpath(info->dlpi_name, path) ? path : info->dlpi_name);
}

static struct lp_module *describe(const struct dl_phdr_info *info, const ElfW(Phdr) * text,
                                  bool main)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct lp_module *m = calloc(1, sizeof *m);
    if (!m || !(m->path = path_of(info, main))) {
        free(m);
        return NULL;
    }
    m->start = (info->dlpi_addr + text->p_vaddr) & ~(page - 1);
    m->limit = (info->dlpi_addr + text->p_vaddr + text->p_memsz + page - 1) & ~(page - 1);
    m->offset = text->p_offset & ~(page - 1);
    m->bias = info->dlpi_addr;
    m->main = main;
    const char *name = strrchr(m->path, '/');
    m->own = name && !strcmp(name, "/libleakprof.so");
    read_build_id(m, info);
    return m;
}

static bool same(const struct lp_module *a, const struct lp_module *b)
{
    return a->start == b->start && a->bias == b->bias && !strcmp(a->path, b->path) &&
           !strcmp(a->build_id, b->build_id);
}

static void discard(struct lp_module *m)
{
    free(m->path);
    free(m);
}

/* An object that was there before keeps its module; a new one gets its own. */
static void add(const struct dl_phdr_info *info, const ElfW(Phdr) * text, bool main)
{
    struct lp_module *m = describe(info, text, main);
    if (!m)
        return;
    for (size_t i = 0; i < nmodules; i++) {
        if (modules[i]->gone && same(modules[i], m)) {
            modules[i]->gone = false;
            discard(m);
            return;
        }
    }
    if (nmodules == room) {
        size_t more = room ? room * 2 : 16;
        struct lp_module **grown = realloc(modules, more * sizeof(*modules));
        if (!grown) {
            discard(m);
            return;
        }
        modules = grown;
        room = more;
    }
    modules[nmodules++] = m;
}

/* The loader names the program first. */
static int visit(struct dl_phdr_info *info, size_t size, void *arg)
{
    bool *main = arg;
    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type == PT_LOAD && (segment->p_flags & PF_X)) {
            add(info, segment, *main);
            break;
        }
    }
    *main = false;
    return 0;
}

void lp_modules_refresh(void)
{
    bool main = true;
    for (size_t i = 0; i < nmodules; i++)
        modules[i]->gone = true;
    dl_iterate_phdr(visit, &main);
}

size_t lp_modules_count(void)
{
    return nmodules;
}

struct lp_module *lp_module_at(size_t i)
{
    return i < nmodules ? modules[i] : NULL;
}

struct lp_module *lp_module_find(uintptr_t address)
{
    struct lp_module *past = NULL;
    for (size_t i = 0; i < nmodules; i++) {
        struct lp_module *m = modules[i];
        if (address < m->start || address >= m->limit)
            continue;
        if (!m->gone)
            return m;
        past = m;
    }
    return past;
}
