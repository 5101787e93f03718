/*
 * Finding and opening object files, with libelf alone.
 *
 * A path may by now name another file than the one that was loaded: programs are rebuilt while they
 * run. So the program is opened by /proc/self/exe, and everything else must have the build id and
 * the layout of what is in memory; names from the wrong file would be lies.
 *
 * Debug information is looked for in the object itself, then by build id, then by the name in
 * .gnu_debuglink, all under /usr/lib/debug. elfutils' own search (libdwfl) would do the same, but
 * would also ask debuginfod servers on the network where the environment names one.
 */
#include "symbolize/objects.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

const char *lp_debug_root = "/usr/lib/debug";

static void build_id_hex(Elf *elf, char out[65])
{
    size_t n;

    out[0] = '\0';
    if (elf_getphdrnum(elf, &n) != 0)
        return;
    for (size_t i = 0; i < n; i++) {
        GElf_Phdr phdr;
        Elf_Data *data;
        if (!gelf_getphdr(elf, (int)i, &phdr) || phdr.p_type != PT_NOTE ||
            !(data = elf_getdata_rawchunk(elf, (int64_t)phdr.p_offset, phdr.p_filesz,
                                          phdr.p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR)))
            continue;
        GElf_Nhdr note;
        size_t name, desc;
        for (size_t at = 0; (at = gelf_getnote(data, at, &note, &name, &desc)) > 0;) {
            const unsigned char *bytes = (const unsigned char *)data->d_buf + desc;
            if (note.n_type != NT_GNU_BUILD_ID || note.n_namesz != 4 || note.n_descsz > 32 ||
                memcmp((const char *)data->d_buf + name, "GNU", 4) != 0)
                continue;
            for (size_t k = 0; k < note.n_descsz; k++)
                sprintf(out + 2 * k, "%02x", bytes[k]);
            return;
        }
    }
}

static bool has_section(Elf *elf, const char *wanted, GElf_Shdr *shdr, Elf_Scn **scn)
{
    size_t names;

    if (elf_getshdrstrndx(elf, &names) != 0)
        return false;
    for (*scn = NULL; (*scn = elf_nextscn(elf, *scn));) {
        const char *name;
        if (gelf_getshdr(*scn, shdr) && (name = elf_strptr(elf, names, shdr->sh_name)) &&
            strcmp(name, wanted) == 0)
            return true;
    }
    return false;
}

static bool has_debug_info(Elf *elf)
{
    GElf_Shdr shdr;
    Elf_Scn *scn;

    return (has_section(elf, ".debug_info", &shdr, &scn) ||
            has_section(elf, ".zdebug_info", &shdr, &scn)) &&
           shdr.sh_type != SHT_NOBITS;
}

static Elf *open_file(const char *path, int *fd)
{
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    if (*fd < 0)
        return NULL;

    Elf *elf = elf_begin(*fd, ELF_C_READ_MMAP, NULL);
    if (!elf || elf_kind(elf) != ELF_K_ELF) {
        elf_end(elf);
        close(*fd);
        *fd = -1;
        return NULL;
    }
    return elf;
}

/* The kernel's own object has no file; it is all there in memory, section headers last. */
static Elf *open_vdso(const struct lp_module *module)
{
    const ElfW(Ehdr) *header = (const void *)module->bias;
    size_t size = header->e_shoff + (size_t)header->e_shnum * header->e_shentsize;

    if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 || size > module->limit - module->bias)
        return NULL;
    return elf_memory((char *)module->bias, size);
}

static bool is_build(Elf *elf, const char *build_id)
{
    char own[65];

    build_id_hex(elf, own);
    return strcmp(own, build_id) == 0;
}

/* For what has no build id, and for ids that lie: is its code where it was in memory? */
static bool is_laid_out(Elf *elf, const struct lp_module *module)
{
    const uintptr_t page = 4095;
    size_t n;

    if (elf_getphdrnum(elf, &n) != 0)
        return false;
    for (size_t i = 0; i < n; i++) {
        GElf_Phdr phdr;
        if (!gelf_getphdr(elf, (int)i, &phdr) || phdr.p_type != PT_LOAD || !(phdr.p_flags & PF_X))
            continue;
        uintptr_t start = module->bias + phdr.p_vaddr;
        return (start & ~page) == module->start && (phdr.p_offset & ~page) == module->offset &&
               ((start + phdr.p_memsz + page) & ~page) == module->limit;
    }
    return false;
}

static Elf *open_debug(const char *path, const char *build_id, const uint32_t *crc, int *fd)
{
    Elf *elf = open_file(path, fd);
    if (!elf)
        return NULL;

    bool right = has_debug_info(elf);
    if (right && build_id[0]) {
        right = is_build(elf, build_id);
    } else if (right && crc) {
        size_t size;
        const void *bytes = elf_rawfile(elf, &size);
        right = bytes && crc32_z(0, bytes, size) == *crc;
    }
    if (right)
        return elf;
    elf_end(elf);
    close(*fd);
    *fd = -1;
    return NULL;
}

static Elf *find_debug(Elf *elf, const struct lp_module *module, int *fd)
{
    char id[65], path[PATH_MAX];
    Elf *debug;

    build_id_hex(elf, id);
    if (strlen(id) > 2) {
        snprintf(path, sizeof(path), "%s/.build-id/%.2s/%s.debug", lp_debug_root, id, id + 2);
        if ((debug = open_debug(path, id, NULL, fd)))
            return debug;
    }

    GElf_Shdr shdr;
    Elf_Scn *scn;
    Elf_Data *data;
    if (!has_section(elf, ".gnu_debuglink", &shdr, &scn) || !(data = elf_rawdata(scn, NULL)))
        return NULL;
    size_t length = strnlen(data->d_buf, data->d_size);
    size_t at = (length + 4) & ~(size_t)3; /* the checksum follows, aligned */
    if (at + 4 > data->d_size)
        return NULL;
    uint32_t crc;
    memcpy(&crc, (const char *)data->d_buf + at, 4);

    const struct {
        const char *root, *below;
    } places[] = {{"", ""}, {"", "/.debug"}, {lp_debug_root, ""}};
    const char *slash = strrchr(module->path, '/');
    int dir = slash ? (int)(slash - module->path) : 0;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        int n = snprintf(path, sizeof(path), "%s%.*s%s/%s", places[i].root, dir, module->path,
                         places[i].below, (char *)data->d_buf);
        if (n < (int)sizeof(path) && (debug = open_debug(path, id, &crc, fd)))
            return debug;
    }
    return NULL;
}

/* Several names often stand for one address ("__poll", "poll"): the plainest comes first. */
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

static int read_symbols(struct lp_object *object, Elf *elf, Elf_Scn *scn, const GElf_Shdr *shdr)
{
    Elf_Data *data = elf_getdata(scn, NULL);
    Elf_Data *names = elf_getdata(elf_getscn(elf, shdr->sh_link), NULL);
    if (!data || !names || !names->d_buf || shdr->sh_entsize == 0 || names->d_size == 0 ||
        ((const char *)names->d_buf)[names->d_size - 1] != '\0')
        return 0;

    size_t n = shdr->sh_size / shdr->sh_entsize, used = 0;
    struct lp_elf_symbol *symbols = malloc((n + 1) * sizeof(*symbols));
    if (!symbols)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        GElf_Sym sym;
        if (!gelf_getsym(data, (int)i, &sym) || sym.st_shndx == SHN_UNDEF || sym.st_value == 0 ||
            sym.st_name == 0 || sym.st_name >= names->d_size)
            continue;
        int type = GELF_ST_TYPE(sym.st_info);
        GElf_Shdr section;
        if (sym.st_size == 0 && gelf_getshdr(elf_getscn(elf, sym.st_shndx), &section))
            sym.st_size = section.sh_addr + section.sh_size - sym.st_value; /* hand-written code */
        if (type == STT_FUNC || type == STT_GNU_IFUNC)
            symbols[used++] = (struct lp_elf_symbol){
                .address = sym.st_value,
                .size = (uint32_t)(sym.st_size < UINT32_MAX ? sym.st_size : 0),
                .name = (uint32_t)sym.st_name};
    }
    sort_names = names->d_buf;
    qsort(symbols, used, sizeof(*symbols), by_address);
    struct lp_elf_symbol *fitted = realloc(symbols, (used + 1) * sizeof(*symbols));
    object->symbols = fitted ? fitted : symbols;
    object->nsymbols = used;
    object->names = names->d_buf;
    object->names_size = names->d_size;
    return 0;
}

static int find_symbols(struct lp_object *object)
{
    Elf *const places[] = {object->debug, object->elf};
    static const char *const tables[] = {".symtab", ".dynsym"};
    GElf_Shdr shdr;
    Elf_Scn *scn;

    for (int t = 0; t < 2; t++)
        for (int i = 0; i < 2; i++)
            if (places[i] && has_section(places[i], tables[t], &shdr, &scn) &&
                shdr.sh_type != SHT_NOBITS) {
                int rc = read_symbols(object, places[i], scn, &shdr);
                if (rc != 0 || object->nsymbols > 0)
                    return rc;
                free(object->symbols);
                object->symbols = NULL;
            }
    return 0;
}

int lp_object_open(struct lp_object *object, const struct lp_module *module)
{
    memset(object, 0, sizeof(*object));
    object->elf_fd = object->debug_fd = -1;
    elf_version(EV_CURRENT);

    if (module->path[0] == '[')
        object->elf = open_vdso(module);
    else
        object->elf =
            open_file(module->main ? "/proc/thread-self/exe" : module->path, &object->elf_fd);
    if (!object->elf)
        return 0;
    if (!is_build(object->elf, module->build_id) || !is_laid_out(object->elf, module)) {
        lp_object_settle(object);
        elf_end(object->elf);
        object->elf = NULL;
        return 0;
    }

    object->debug = has_debug_info(object->elf)
                        ? object->elf
                        : find_debug(object->elf, module, &object->debug_fd);
    return find_symbols(object);
}

void lp_object_settle(struct lp_object *object)
{
    if (object->elf_fd >= 0) {
        elf_cntl(object->elf, ELF_C_FDDONE);
        close(object->elf_fd);
    }
    if (object->debug_fd >= 0) {
        elf_cntl(object->debug, ELF_C_FDDONE);
        close(object->debug_fd);
    }
    object->elf_fd = object->debug_fd = -1;
}

const struct lp_elf_symbol *lp_object_symbol(const struct lp_object *object, uint64_t address)
{
    size_t low = 0, high = object->nsymbols;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (object->symbols[middle].address <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return NULL;

    const struct lp_elf_symbol *found = &object->symbols[low - 1];
    while (found > object->symbols && found[-1].address == found->address)
        found--;
    return address < found->address + found->size ? found : NULL;
}
