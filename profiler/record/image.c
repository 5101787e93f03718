/*
 * Everything is copied by peek(). An address in a stack may be a stale word, and another thread may
 * be unloading the object that it points into.
 */
#include "record/image.h"

#include <elf.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>

#include "record/self.h"
#include "sys/pages.h"
#include "sys/peek.h"
#include "sys/slab.h"
#include "sys/readable.h"
#include "sys/syscall.h"

enum {
    HEADERS_MAX = 128, /* an object with more program headers is not described */
    TEXT_SHIFT = 14
};

LP_SLAB(segments, sizeof(struct lp_segment), 8, LP_OWN_MODULES);
LP_SLAB(text, 1, TEXT_SHIFT, LP_OWN_MODULES);

/* Not memcpy(): a sanitizer would check it, and would report reads behind a name in the loader's
 * memory. */
static void copy(void *to, const void *from, size_t bytes)
{
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
}

/* Copies memory that may not be there. On the profiler's thread the kernel copies, because the
 * object may be unloaded meanwhile. On the program's threads the object is in use, so it is enough
 * to check that the pages can be read. */
static bool peek(void *to, uintptr_t from, size_t bytes)
{
    if (lp_self.own && bytes <= LP_PAGE) {
        lp_peek_begin();
        bool copied = lp_peek(from, to, bytes);
        lp_peek_end();
        return copied;
    }
    for (uintptr_t at = from & ~(uintptr_t)(LP_PAGE - 1); at < from + bytes; at += LP_PAGE)
        if (!lp_sys_readable((const void *)at))
            return false;
    copy(to, (const void *)from, bytes);
    return true;
}

/* Returns the length of the name. -1: it cannot be read, or is too long for a path. */
static long name_length(uintptr_t name)
{
    char part[64];
    for (long done = 0; done < PATH_MAX;) {
        uintptr_t at = name + (uintptr_t)done;
        size_t bytes = sizeof part - at % sizeof part; /* so that each part lies in one page */
        if (!peek(part, at, bytes))
            return -1;
        const char *end = memchr(part, '\0', bytes);
        if (end)
            return done + (end - part);
        done += (long)bytes;
    }
    return -1;
}

/* Makes a name absolute if it is relative and has a slash, and stores it. The text is built in
 * place, because stacks may be small here. */
static const char *keep_name(uintptr_t raw)
{
    long length = name_length(raw), before;
    char first = '/';
    if (length < 0 || (length > 0 && !peek(&first, raw, 1)))
        return NULL;
    uint32_t capacity = (uint32_t)length + 1 + (first == '/' ? 0 : PATH_MAX);
    uint32_t at = lp_slab_add(&text, capacity);
    char *name = at == LP_SLAB_FULL ? NULL : lp_slab_at(&text, at);
    if (!name || !peek(name, raw, (size_t)length + 1))
        return NULL;
    name[length] = '\0';
    if (first == '/' || !strchr(name, '/'))
        return name;
    before = lp_syscall(SYS_getcwd, name, PATH_MAX); /* its length with the final NUL */
    if (before <= 0 || name[0] != '/')
        before = 0;
    else
        name[before - 1] = '/';
    if (!peek(name + before, raw, (size_t)length + 1))
        return NULL;
    name[before + length] = '\0';
    return name;
}

static void write_hex(char *hex, const unsigned char *bytes, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        hex[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
    }
    hex[2 * n] = '\0';
}

static void read_build_id(struct lp_image *image, const ElfW(Phdr) * notes)
{
    uintptr_t round = notes->p_align == 8 ? 7 : 3;
    uintptr_t at = image->bias + notes->p_vaddr, end = at + notes->p_memsz;
    ElfW(Nhdr) note = {0};
    while (!image->id_bytes && at < end && end - at > sizeof note && peek(&note, at, sizeof note)) {
        unsigned char id[LP_BUILD_ID_MAX];
        char owner[4];
        uintptr_t desc = at + ((sizeof note + note.n_namesz + round) & ~round);
        if (desc < at || desc > end || note.n_descsz > end - desc)
            return;
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof owner &&
            note.n_descsz <= LP_BUILD_ID_MAX && peek(owner, at + sizeof note, sizeof owner) &&
            !memcmp(owner, "GNU", sizeof owner) && peek(id, desc, note.n_descsz)) {
            image->id = desc;
            image->id_bytes = note.n_descsz;
            write_hex(image->build_id, id, note.n_descsz);
        }
        at = desc + ((note.n_descsz + round) & ~round);
    }
}

/* 0: there is no ELF header at this address. */
static uintptr_t find_headers(uintptr_t at, uint32_t *n)
{
    ElfW(Ehdr) header = {0};
    if (!at || !peek(&header, at, sizeof header) || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
        header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_phentsize != sizeof(ElfW(Phdr)))
        return 0;
    *n = header.e_phnum;
    return at + header.e_phoff;
}

static bool is_code(const ElfW(Phdr) * segment)
{
    return segment->p_type == PT_LOAD && (segment->p_flags & PF_X) && segment->p_memsz > 0;
}

static bool describe(struct lp_image *image, uintptr_t headers, uint32_t n)
{
    const uintptr_t rest = LP_PAGE - 1;
    uintptr_t bias = image->bias;
    ElfW(Phdr) segment = {0};
    uint32_t ncode = 0;
    if (n > HEADERS_MAX)
        return false;
    image->low = UINTPTR_MAX;
    for (uint32_t i = 0; i < n; i++) {
        if (!peek(&segment, headers + i * sizeof segment, sizeof segment))
            return false;
        ncode += is_code(&segment);
        uintptr_t start = bias + segment.p_vaddr, limit = start + segment.p_memsz;
        if (segment.p_type == PT_LOAD && start < image->low)
            image->low = start & ~rest;
        if (segment.p_type == PT_LOAD && limit > image->high)
            image->high = (limit + rest) & ~rest;
        if (segment.p_type == PT_NOTE)
            read_build_id(image, &segment);
    }
    uint32_t at = ncode ? lp_slab_add(&segments, ncode) : LP_SLAB_FULL;
    if (at == LP_SLAB_FULL)
        return false;
    struct lp_segment *code = lp_slab_at(&segments, at);
    image->segments = code;
    for (uint32_t i = 0; i < n && image->nsegments < ncode; i++) {
        if (!peek(&segment, headers + i * sizeof segment, sizeof segment))
            return false;
        if (!is_code(&segment))
            continue;
        uintptr_t start = bias + segment.p_vaddr;
        code[image->nsegments++] = (struct lp_segment){
            start & ~rest, (start + segment.p_memsz + rest) & ~rest, segment.p_offset & ~rest};
    }
    return true;
}

bool lp_image_read(struct lp_image *image, const struct lp_found *found)
{
    struct {
        ElfW(Addr) bias;
        const char *name;
    } entry;
    _Static_assert(offsetof(struct link_map, l_addr) == 0 && offsetof(struct link_map, l_name) == 8,
                   "the head of the loader's entry");
    uint32_t n = 0;
    image->name = "";
    if (!peek(&entry, (uintptr_t)found->map, sizeof entry))
        return false;
    image->bias = entry.bias;
    uintptr_t headers = find_headers((uintptr_t)found->start, &n);
    if (!headers) /* for an object with holes, lp_find_object() returns its parts */
        headers = find_headers(entry.bias, &n);
    const char *name = keep_name((uintptr_t)entry.name);
    if (name)
        image->name = name;
    return name && headers && describe(image, headers, n);
}

bool lp_image_read_program(struct lp_image *image, const struct dl_phdr_info *program)
{
    image->name = "";
    image->bias = program->dlpi_addr;
    return describe(image, (uintptr_t)program->dlpi_phdr, program->dlpi_phnum);
}

bool lp_image_replaced(const struct lp_image *image)
{
    unsigned char id[LP_BUILD_ID_MAX];
    char hex[2 * LP_BUILD_ID_MAX + 1];
    if (!image->id_bytes)
        return false;
    bool opened = lp_peek_begin(), copied = opened && lp_peek(image->id, id, image->id_bytes);
    lp_peek_end();
    if (!opened)
        return false; /* it cannot be read */
    if (!copied)
        return true;
    write_hex(hex, id, image->id_bytes);
    return strcmp(hex, image->build_id) != 0;
}
