#include "symbolize/elf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "inspect/openfile.h"
#include "sys/pages.h"

enum {
    BUFFER = 64 << 10,
    SEGMENTS_MAX = 1024, /* a file with more segments or sections is refused */
    SECTIONS_MAX = 1 << 16,
    NAMES_MAX = 16 << 20
};

bool lp_elf_read_at(const struct lp_elf *elf, uint64_t offset, void *to, size_t n)
{
    if (offset > elf->size || n > elf->size - offset)
        return false;
    if (elf->memory) {
        memcpy(to, elf->memory + offset, n);
        return true;
    }
    for (size_t done = 0; done < n;) {
        ssize_t got = pread(elf->fd, (char *)to + done, n - done, (off_t)(offset + done));
        if (got < 0)
            lp_own_refuse_file(-errno);
        if (got <= 0)
            return false;
        done += (size_t)got;
    }
    return true;
}

/* Reads an array from the file. NULL: it cannot be read, or there is no memory. */
static void *read_array(const struct lp_elf *elf, uint64_t offset, size_t n, size_t item)
{
    void *array = n ? malloc(n * item) : NULL;
    if (array && !lp_elf_read_at(elf, offset, array, n * item)) {
        free(array);
        return NULL;
    }
    return array;
}

/* Reads the headers only once, because the file may change before the contents are read. */
static void read_compression(const struct lp_elf *elf, const Elf64_Shdr *section, Elf64_Chdr *how)
{
    if ((section->sh_flags & SHF_COMPRESSED) && section->sh_type != SHT_NOBITS &&
        !lp_elf_read_at(elf, section->sh_offset, how, sizeof *how))
        *how = (Elf64_Chdr){.ch_type = LP_ELF_UNREADABLE};
}

/* An object in memory may lack its sections. They are not needed. */
static bool read_headers(struct lp_elf *elf)
{
    Elf64_Ehdr *h = &elf->header;
    if (!lp_elf_read_at(elf, 0, h, sizeof *h) || memcmp(h->e_ident, ELFMAG, SELFMAG) != 0 ||
        h->e_ident[EI_CLASS] != ELFCLASS64 || h->e_ident[EI_DATA] != ELFDATA2LSB ||
        h->e_phnum > SEGMENTS_MAX)
        return false;
    if (h->e_phentsize == sizeof *elf->segments)
        elf->segments = read_array(elf, h->e_phoff, h->e_phnum, sizeof *elf->segments);
    elf->nsegments = elf->segments ? h->e_phnum : 0;

    Elf64_Shdr first;
    if (!h->e_shoff || h->e_shentsize != sizeof first ||
        !lp_elf_read_at(elf, h->e_shoff, &first, sizeof first))
        return true;
    size_t n = h->e_shnum ? h->e_shnum : first.sh_size; /* 0: too many for the field */
    size_t names = h->e_shstrndx == SHN_XINDEX ? first.sh_link : h->e_shstrndx;
    if (n > SECTIONS_MAX || names >= n)
        return true;
    elf->sections = read_array(elf, h->e_shoff, n, sizeof *elf->sections);
    if (!elf->sections || elf->sections[names].sh_size > NAMES_MAX)
        return true;
    elf->names_size = elf->sections[names].sh_size;
    elf->names = read_array(elf, elf->sections[names].sh_offset, elf->names_size, 1);
    if (!elf->names)
        return true;
    elf->names[elf->names_size - 1] = '\0';
    elf->compressed = calloc(n, sizeof *elf->compressed);
    for (size_t i = 0; elf->compressed && i < n; i++)
        read_compression(elf, &elf->sections[i], &elf->compressed[i]);
    elf->nsections = elf->compressed ? n : 0;
    return true;
}

bool lp_elf_open(struct lp_elf *elf, const char *path)
{
    struct stat file;
    *elf = (struct lp_elf){.fd = lp_open_file(path, O_RDONLY | O_NONBLOCK)};
    if (elf->fd >= 0 && fstat(elf->fd, &file) == 0 && S_ISREG(file.st_mode)) {
        elf->size = (uint64_t)file.st_size;
        if (read_headers(elf))
            return true;
    }
    lp_elf_close(elf);
    return false;
}

bool lp_elf_open_memory(struct lp_elf *elf, const char *memory, size_t size)
{
    *elf = (struct lp_elf){.fd = -1, .memory = memory, .size = size};
    if (read_headers(elf))
        return true;
    lp_elf_close(elf);
    return false;
}

void lp_elf_close(struct lp_elf *elf)
{
    free(elf->segments);
    free(elf->sections);
    free(elf->names);
    free(elf->compressed);
    if (elf->fd >= 0)
        close(elf->fd);
    *elf = (struct lp_elf){.fd = -1};
}

const char *lp_elf_section_name(const struct lp_elf *elf, size_t i)
{
    uint32_t at = elf->sections[i].sh_name;
    return at < elf->names_size ? elf->names + at : "";
}

size_t lp_elf_section(const struct lp_elf *elf, const char *name)
{
    for (size_t i = 1; i < elf->nsections; i++)
        if (elf->sections[i].sh_type != SHT_NOBITS && !strcmp(lp_elf_section_name(elf, i), name))
            return i;
    return 0;
}

static bool find_build_id(const char *notes, size_t size, size_t align, char hex[65])
{
    Elf64_Nhdr note;
    size_t round = align == 8 ? 7 : 3;
    for (size_t at = 0; size - at > sizeof note;) {
        memcpy(&note, notes + at, sizeof note);
        size_t name = at + sizeof note;
        if (note.n_namesz > size - name)
            return false;
        size_t desc = at + ((sizeof note + note.n_namesz + round) & ~round);
        if (desc > size || note.n_descsz > size - desc)
            return false;
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && note.n_descsz <= 32 &&
            !memcmp(notes + name, "GNU", 4)) {
            for (size_t i = 0; i < note.n_descsz; i++) {
                unsigned char byte = (unsigned char)notes[desc + i];
                hex[2 * i] = "0123456789abcdef"[byte >> 4];
                hex[2 * i + 1] = "0123456789abcdef"[byte & 15];
            }
            hex[2 * note.n_descsz] = '\0';
            return true;
        }
        at = desc + ((note.n_descsz + round) & ~round);
        if (at > size)
            return false;
    }
    return false;
}

void lp_elf_build_id(const struct lp_elf *elf, char hex[65])
{
    bool found = false;
    hex[0] = '\0';
    for (size_t i = 0; i < elf->nsegments && !found; i++) {
        const Elf64_Phdr *segment = &elf->segments[i];
        char notes[4096];
        size_t n = segment->p_filesz < sizeof notes ? segment->p_filesz : sizeof notes;
        if (segment->p_type == PT_NOTE && lp_elf_read_at(elf, segment->p_offset, notes, n))
            found = find_build_id(notes, n, segment->p_align, hex);
    }
}

bool lp_elf_crc(const struct lp_elf *elf, uint32_t *crc)
{
    char *buffer = malloc(BUFFER);
    uint64_t at = 0;
    *crc = 0;
    while (buffer && at < elf->size) {
        size_t n = elf->size - at < BUFFER ? elf->size - at : BUFFER;
        if (!lp_elf_read_at(elf, at, buffer, n))
            break;
        *crc = (uint32_t)crc32_z(*crc, (const Bytef *)buffer, n);
        at += n;
    }
    free(buffer);
    return at == elf->size && at > 0;
}
