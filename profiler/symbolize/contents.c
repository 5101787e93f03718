/*
 * Contents of sections, copied into the profiler's own pages and uncompressed there. libelf would
 * uncompress them into malloc's memory. Freeing such large blocks raises malloc's threshold for
 * mmap(), which would affect the program.
 */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "symbolize/elf.h"
#include "sys/pages.h"

enum { ALIGN = 16 };

struct lp_bytes lp_bytes_new(size_t n)
{
    char *at = n ? lp_own_map(n, LP_OWN_SYMBOLS) : NULL;
    return (struct lp_bytes){at, at ? n : 0};
}

void lp_bytes_release(struct lp_bytes *bytes)
{
    if (bytes->at)
        lp_own_unmap(bytes->at, bytes->n, LP_OWN_SYMBOLS);
    *bytes = (struct lp_bytes){0};
}

uint64_t lp_elf_section_bytes(const struct lp_elf *elf, size_t i)
{
    switch (elf->compressed[i].ch_type) {
    case 0:
        return elf->sections[i].sh_size;
    case ELFCOMPRESS_ZLIB:
        return elf->compressed[i].ch_size;
    default:
        return 0;
    }
}

/* Exactly n bytes must come out. */
static bool inflate_at(const struct lp_elf *elf, uint64_t from, uint64_t left, char *to, size_t n)
{
    enum { BUFFER = 64 << 10 };
    z_stream z = {0};
    char *buffer = malloc(BUFFER);
    int result = Z_OK;
    if (!buffer || inflateInit(&z) != Z_OK) {
        free(buffer);
        return false;
    }
    while (result == Z_OK) {
        size_t some = left < BUFFER ? left : BUFFER, capacity = n < UINT32_MAX ? n : UINT32_MAX;
        if (z.avail_in == 0) {
            if (some == 0 || !lp_elf_read_at(elf, from, buffer, some))
                break;
            z.next_in = (Bytef *)buffer;
            z.avail_in = (uInt)some;
            from += some;
            left -= some;
        }
        z.next_out = (Bytef *)to;
        z.avail_out = (uInt)capacity;
        result = inflate(&z, Z_NO_FLUSH); /* without room for what is left: Z_BUF_ERROR */
        to += capacity - z.avail_out;
        n -= capacity - z.avail_out;
    }
    inflateEnd(&z);
    free(buffer);
    return result == Z_STREAM_END && n == 0;
}

/* Reads the uncompressed contents: lp_elf_section_bytes() of them. */
static bool read_section(const struct lp_elf *elf, size_t i, char *to, size_t n)
{
    const Elf64_Shdr *section = &elf->sections[i];
    const size_t head = sizeof(Elf64_Chdr);
    if (!elf->compressed[i].ch_type)
        return lp_elf_read_at(elf, section->sh_offset, to, n);
    return section->sh_size > head &&
           inflate_at(elf, section->sh_offset + head, section->sh_size - head, to, n);
}

/* false: larger than any file allows, so it is refused before memory is allocated. zlib expands at
 * most 1032 times. */
static bool is_possible(const struct lp_elf *elf, size_t i, uint64_t bytes)
{
    uint64_t stored = elf->sections[i].sh_size;
    return stored <= elf->size && bytes <= (elf->compressed[i].ch_type ? stored * 1032 : stored);
}

struct lp_bytes lp_elf_read(const struct lp_elf *elf, size_t i)
{
    uint64_t n = lp_elf_section_bytes(elf, i);
    struct lp_bytes bytes = {0};
    if (n > 0 && is_possible(elf, i, n))
        bytes = lp_bytes_new(n + 1);
    if (bytes.at && !read_section(elf, i, bytes.at, n))
        lp_bytes_release(&bytes);
    return bytes;
}

static uint64_t padded(uint64_t n)
{
    return (n + ALIGN - 1) & ~(uint64_t)(ALIGN - 1);
}

static bool is_copied(const struct lp_elf *elf, size_t i, lp_elf_wanted *wanted)
{
    return i > 0 && elf->sections[i].sh_type != SHT_NOBITS &&
           (i == elf->header.e_shstrndx || wanted(lp_elf_section_name(elf, i)));
}

uint64_t lp_elf_copy_bytes(const struct lp_elf *elf, lp_elf_wanted *wanted)
{
    uint64_t total = padded(sizeof elf->header) + elf->nsections * sizeof *elf->sections;
    for (size_t i = 0; i < elf->nsections; i++) {
        uint64_t n = is_copied(elf, i, wanted) ? lp_elf_section_bytes(elf, i) : 0;
        if (n > 0 && is_possible(elf, i, n))
            total += padded(n);
    }
    return total;
}

struct lp_bytes lp_elf_copy(const struct lp_elf *elf, lp_elf_wanted *wanted)
{
    struct lp_bytes copy = lp_bytes_new(lp_elf_copy_bytes(elf, wanted));
    if (!copy.at)
        return copy;
    Elf64_Ehdr header = elf->header;
    header.e_phoff = 0;
    header.e_phnum = 0;
    header.e_shoff = padded(sizeof header);
    memcpy(copy.at, &header, sizeof header);
    Elf64_Shdr *sections = (void *)(copy.at + header.e_shoff);
    uint64_t at = header.e_shoff + elf->nsections * sizeof *sections;
    if (elf->nsections > 0)
        memcpy(sections, elf->sections, elf->nsections * sizeof *sections);
    for (size_t i = 1; i < elf->nsections; i++) {
        uint64_t n = is_copied(elf, i, wanted) ? lp_elf_section_bytes(elf, i) : 0;
        if (n == 0 || !is_possible(elf, i, n) || !read_section(elf, i, copy.at + at, n)) {
            sections[i].sh_type = SHT_NOBITS;
            continue;
        }
        if (elf->compressed[i].ch_type)
            sections[i].sh_addralign = elf->compressed[i].ch_addralign;
        sections[i].sh_flags &= ~(uint64_t)SHF_COMPRESSED;
        sections[i].sh_offset = at;
        sections[i].sh_size = n;
        at += padded(n);
    }
    return copy;
}
