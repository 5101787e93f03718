/*
 * Finds the files that have names for a module.
 *
 * A path may now lead to another file than the one that was loaded, because programs are rebuilt
 * while they run. So the program is opened by /proc/thread-self/exe. All other files must have the
 * build id and the layout of the object in memory. Otherwise names could come from the wrong file.
 *
 * Debug information is looked for in the object itself, then by build id, then by the name in
 * .gnu_debuglink, all under /usr/lib/debug. If the user enables it, debuginfod servers come last
 * (debuginfod.c). libdwfl has the same search, and its callbacks can replace the parts that must
 * not happen unasked. But a callback passes a debug file as a descriptor, and libdwfl maps that
 * file. If the file is truncated then, the program ends by SIGBUS. Nothing here maps a file.
 */
#include "symbolize/objects.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "symbolize/debuginfod.h"
#include "sys/pages.h"

const char *lp_debug_root = "/usr/lib/debug";

/* The sections that libdw reads for functions and lines. Location lists and macros are left out. So
 * is .gnu_debugaltlink: libdw would open that file itself and map it. */
static bool is_dwarf(const char *section)
{
    static const char *const wanted[] = {"abbrev", "addr",     "info", "line",       "line_str",
                                         "ranges", "rnglists", "str",  "str_offsets"};
    const char *name = strncmp(section, ".debug_", 7) == 0    ? section + 7
                       : strncmp(section, ".zdebug_", 8) == 0 ? section + 8
                                                              : "";
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        if (strcmp(name, wanted[i]) == 0)
            return true;
    return false;
}

static bool has_debug_info(const struct lp_elf *elf)
{
    return lp_elf_section(elf, ".debug_info") || lp_elf_section(elf, ".zdebug_info");
}

static bool is_build(const struct lp_elf *elf, const char *build_id)
{
    char own[65];
    lp_elf_build_id(elf, own);
    return strcmp(own, build_id) == 0;
}

/* For objects without a build id, and for wrong ids: is the code where it was in memory? */
static bool is_laid_out(const struct lp_elf *elf, const struct lp_image *image)
{
    const uintptr_t rest = LP_PAGE - 1;
    uint32_t n = 0;
    for (size_t i = 0; i < elf->nsegments; i++) {
        const Elf64_Phdr *segment = &elf->segments[i];
        if (segment->p_type != PT_LOAD || !(segment->p_flags & PF_X) || segment->p_memsz == 0)
            continue;
        uintptr_t start = image->bias + segment->p_vaddr;
        const struct lp_segment *loaded = &image->segments[n++];
        if (n > image->nsegments || (start & ~rest) != loaded->start ||
            (segment->p_offset & ~rest) != loaded->offset ||
            ((start + segment->p_memsz + rest) & ~rest) != loaded->limit)
            return false;
    }
    return n == image->nsegments;
}

/* The vdso has no file. It is complete in memory, with the section headers at its end. */
static bool open_vdso(struct lp_elf *elf, const struct lp_image *image)
{
    const char *start = (const char *)image->low;
    Elf64_Ehdr header;
    size_t mapped = image->high - image->low;
    if (mapped < sizeof header)
        return false;
    memcpy(&header, start, sizeof header);
    uint64_t size = header.e_shoff + (uint64_t)header.e_shnum * header.e_shentsize;
    return lp_elf_open_memory(elf, start, size < mapped ? size : mapped);
}

static bool open_object(struct lp_elf *elf, const struct lp_module *module)
{
    bool opened = module->path[0] == '['
                      ? open_vdso(elf, module->image)
                      : lp_elf_open(elf, module->main ? "/proc/thread-self/exe" : module->path);
    if (!opened)
        return false;
    if (is_build(elf, module->image->build_id) && is_laid_out(elf, module->image))
        return true;
    lp_elf_close(elf);
    return false;
}

static bool open_debug(struct lp_elf *elf, const char *path, const char *build_id,
                       const uint32_t *wanted)
{
    uint32_t crc;
    if (!lp_elf_open(elf, path))
        return false;
    if (has_debug_info(elf) &&
        (build_id[0] ? is_build(elf, build_id) : wanted && lp_elf_crc(elf, &crc) && crc == *wanted))
        return true;
    lp_elf_close(elf);
    return false;
}

static bool open_by_id(struct lp_elf *elf, const char *id)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/.build-id/%.2s/%s.debug", lp_debug_root, id, id + 2);
    return strlen(id) > 2 && open_debug(elf, path, id, NULL);
}

static bool open_by_link(struct lp_elf *debug, const struct lp_elf *elf,
                         const struct lp_module *module)
{
    size_t link = lp_elf_section(elf, ".gnu_debuglink");
    bool found = false;
    if (!link)
        return false;

    struct lp_bytes text = lp_elf_read(elf, link);
    size_t length = text.at ? strlen(text.at) : 0;
    size_t at = (length + 4) & ~(size_t)3; /* the checksum follows, aligned */
    uint32_t crc;
    const struct {
        const char *root, *below;
    } places[] = {{"", ""}, {"", "/.debug"}, {lp_debug_root, ""}};
    const char *slash = strrchr(module->path, '/');
    int dir = slash ? (int)(slash - module->path) : 0;
    for (size_t i = 0; i < 3 && !found && length > 0 && at + sizeof crc < text.n; i++) {
        char path[PATH_MAX];
        memcpy(&crc, text.at + at, sizeof crc);
        int n = snprintf(path, sizeof path, "%s%.*s%s/%s", places[i].root, dir, module->path,
                         places[i].below, text.at);
        found = n < (int)sizeof path && open_debug(debug, path, module->image->build_id, &crc);
    }
    lp_bytes_release(&text);
    return found;
}

static bool open_fetched(struct lp_elf *debug, const char *id)
{
    char *path = lp_debuginfod_find(id);
    bool found = path && open_debug(debug, path, id, NULL);
    free(path);
    return found;
}

static bool find_debug(struct lp_elf *debug, const struct lp_elf *elf,
                       const struct lp_module *module)
{
    const char *id = module->image->build_id;
    return open_by_id(debug, id) || open_by_link(debug, elf, module) || open_fetched(debug, id);
}

/* Opens the file with the parts that dwz moved out of several debug files. The section has its
 * name, then its build id. */
static bool find_alt(struct lp_elf *alt, const struct lp_elf *debug)
{
    size_t link = lp_elf_section(debug, ".gnu_debugaltlink");
    struct lp_bytes text = {0};
    char id[65] = "";
    if (link)
        text = lp_elf_read(debug, link);
    size_t after = text.at ? strlen(text.at) + 1 : 0;
    for (size_t i = 0; after && after + i + 1 < text.n && i < 32; i++)
        snprintf(id + 2 * i, 3, "%02x", (unsigned char)text.at[after + i]);
    bool found = id[0] && (open_by_id(alt, id) ||
                           (text.at[0] == '/' && open_debug(alt, text.at, id, NULL)) ||
                           open_fetched(alt, id));
    lp_bytes_release(&text);
    return found;
}

static void copy_debug(struct lp_object *object, const struct lp_elf *debug, uint64_t max)
{
    struct lp_elf alt;
    bool has_alt = find_alt(&alt, debug);
    uint64_t bytes = lp_elf_copy_bytes(debug, is_dwarf);
    if (has_alt)
        bytes += lp_elf_copy_bytes(&alt, is_dwarf);
    object->too_large = bytes > max;
    if (!object->too_large) {
        object->debug = lp_elf_copy(debug, is_dwarf);
        if (has_alt)
            object->alt = lp_elf_copy(&alt, is_dwarf);
    }
    if (has_alt)
        lp_elf_close(&alt);
}

/* One address often has several names ("__poll", "poll"). The simplest is sorted first. */
static const char *sort_names;

static int by_address(const void *x, const void *y)
{
    const struct lp_elf_symbol *a = x, *b = y;

    if (a->address != b->address)
        return a->address < b->address ? -1 : 1;
    size_t ua = strspn(sort_names + a->name, "_"), ub = strspn(sort_names + b->name, "_");
    if (ua != ub)
        return ua < ub ? -1 : 1;
    size_t la = strlen(sort_names + a->name), lb = strlen(sort_names + b->name);
    return la != lb ? (la < lb ? -1 : 1) : strcmp(sort_names + a->name, sort_names + b->name);
}

/* A name may be followed by "@" and a version. */
static bool is_function(const Elf64_Sym *symbol, const struct lp_bytes *names)
{
    int type = ELF64_ST_TYPE(symbol->st_info);
    return (type == STT_FUNC || type == STT_GNU_IFUNC) && symbol->st_shndx != SHN_UNDEF &&
           symbol->st_value != 0 && symbol->st_name < names->n &&
           names->at[symbol->st_name] != '\0' && names->at[symbol->st_name] != '@';
}

static struct lp_elf_symbol symbol_of(const struct lp_elf *elf, const Elf64_Sym *from)
{
    uint64_t size = from->st_size;
    if (size == 0 && from->st_shndx < elf->nsections) { /* hand-written code */
        const Elf64_Shdr *section = &elf->sections[from->st_shndx];
        size = section->sh_addr + section->sh_size - from->st_value;
    }
    return (struct lp_elf_symbol){from->st_value, (uint32_t)(size < UINT32_MAX ? size : 0),
                                  from->st_name};
}

static void read_symbols(struct lp_object *object, const struct lp_elf *elf, size_t table,
                         uint64_t max)
{
    size_t strings = elf->sections[table].sh_link;
    if (strings == 0 || strings >= elf->nsections ||
        lp_elf_section_bytes(elf, table) + lp_elf_section_bytes(elf, strings) > max)
        return;
    struct lp_bytes from = lp_elf_read(elf, table);
    object->names = lp_elf_read(elf, strings);
    const Elf64_Sym *symbols = (const void *)from.at;
    size_t n = from.n / sizeof *symbols, used = 0;
    for (size_t i = 0; i < n; i++)
        used += is_function(&symbols[i], &object->names);
    object->symbols = lp_bytes_new(used * sizeof(struct lp_elf_symbol));
    struct lp_elf_symbol *to = (void *)object->symbols.at;
    for (size_t i = 0; to && i < n; i++)
        if (is_function(&symbols[i], &object->names))
            to[object->nsymbols++] = symbol_of(elf, &symbols[i]);
    lp_bytes_release(&from);
    if (!to) {
        lp_bytes_release(&object->names);
        return;
    }
    sort_names = object->names.at;
    qsort(to, object->nsymbols, sizeof *to, by_address);
}

static void find_symbols(struct lp_object *object, const struct lp_elf *debug,
                         const struct lp_elf *elf, uint64_t max)
{
    const struct lp_elf *const places[] = {debug, elf};
    static const char *const tables[] = {".symtab", ".dynsym"};
    for (int t = 0; t < 2; t++)
        for (int i = 0; i < 2 && object->nsymbols == 0; i++) {
            size_t table = places[i] ? lp_elf_section(places[i], tables[t]) : 0;
            if (table)
                read_symbols(object, places[i], table, max);
        }
}

void lp_object_open(struct lp_object *object, const struct lp_module *module, uint64_t max)
{
    struct lp_elf elf, separate;
    *object = (struct lp_object){0};
    if (!open_object(&elf, module))
        return;
    bool found = !has_debug_info(&elf) && find_debug(&separate, &elf, module);
    if (found || has_debug_info(&elf))
        copy_debug(object, found ? &separate : &elf, max);
    find_symbols(object, found ? &separate : NULL, &elf, max);
    if (found)
        lp_elf_close(&separate);
    lp_elf_close(&elf);
}

void lp_object_close(struct lp_object *object)
{
    lp_bytes_release(&object->debug);
    lp_bytes_release(&object->alt);
    lp_bytes_release(&object->symbols);
    lp_bytes_release(&object->names);
    *object = (struct lp_object){0};
}

size_t lp_object_bytes(const struct lp_object *object)
{
    return object->debug.n + object->alt.n + object->symbols.n + object->names.n;
}

const struct lp_elf_symbol *lp_object_symbol(const struct lp_object *object, uint64_t address)
{
    const struct lp_elf_symbol *symbols = (const void *)object->symbols.at;
    size_t low = 0, high = object->nsymbols;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (symbols[middle].address <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return NULL;

    const struct lp_elf_symbol *found = &symbols[low - 1];
    while (found > symbols && found[-1].address == found->address)
        found--;
    return address < found->address + found->size ? found : NULL;
}
