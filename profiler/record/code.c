/*
 * One thread writes the list of other executable memory, and any thread reads it. The writer makes
 * the version odd while it writes. A reader that sees an odd version, or two different ones, reads
 * again.
 */
#include "record/code.h"

#include <elf.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "record/findobject.h"
#include "sys/file.h"
#include "sys/pages.h"
#include "sys/readable.h"
#include "sys/syscall.h"

enum { REGIONS_MAX = 1024, READ_BYTES = 16 << 10, TRIES = 3, HEADERS = 64 };

enum { CODE = PF_R | PF_X };

static const ElfW(Ehdr) * vdso;
static const ElfW(Phdr) * program_headers; /* of the program itself */
static ElfW(Half) nprogram_headers;

static LP_APART struct {
    _Atomic uintptr_t start, end;
} regions[REGIONS_MAX];
static _Atomic uint32_t nregions; /* what is read together is protected by version */
static _Atomic uint32_t version;  /* odd: being written */
static _Atomic bool stale;

void lp_code_prepare(char **environment)
{
    while (environment && *environment)
        environment++;
    const ElfW(auxv_t) *entry = environment ? (const void *)(environment + 1) : NULL;
    for (; entry && entry->a_type != AT_NULL; entry++) {
        if (entry->a_type == AT_SYSINFO_EHDR)
            vdso = (const void *)entry->a_un.a_val;
        else if (entry->a_type == AT_PHDR)
            program_headers = (const void *)entry->a_un.a_val;
        else if (entry->a_type == AT_PHNUM)
            nprogram_headers = (ElfW(Half))entry->a_un.a_val;
    }
}

static bool is_elf(const ElfW(Ehdr) * header)
{
    return memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 &&
           header->e_phentsize == sizeof(ElfW(Phdr)) &&
           header->e_phoff + header->e_phnum * sizeof(ElfW(Phdr)) <= LP_PAGE;
}

static const ElfW(Phdr) * headers_of(const ElfW(Ehdr) * header)
{
    return (const void *)((const char *)header + header->e_phoff);
}

static bool describe_vdso(uintptr_t address, struct dl_phdr_info *info)
{
    if (!vdso || address < (uintptr_t)vdso || address - (uintptr_t)vdso >= 16 * LP_PAGE ||
        !is_elf(vdso))
        return false;
    *info = (struct dl_phdr_info){
        .dlpi_name = "linux-vdso.so.1", .dlpi_phdr = headers_of(vdso), .dlpi_phnum = vdso->e_phnum};
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type == PT_LOAD) {
            info->dlpi_addr = (uintptr_t)vdso - segment->p_vaddr;
            return address - info->dlpi_addr - segment->p_vaddr < segment->p_memsz;
        }
    }
    return false;
}

/* Headers that could be read. The kernel need not be asked again for each frame in an object. */
static _Atomic uintptr_t headers[HEADERS];

static bool header_readable(const ElfW(Ehdr) * header)
{
    uintptr_t at = (uintptr_t)header;
    _Atomic uintptr_t *known = &headers[(at / LP_PAGE * 0x9e3779b97f4a7c15u >> 32) % HEADERS];
    if (atomic_load_explicit(known, memory_order_relaxed) == at)
        return true;
    if (!lp_sys_readable(header))
        return false;
    atomic_store_explicit(known, at, memory_order_relaxed);
    return true;
}

void lp_code_forget(void)
{
    for (int i = 0; i < HEADERS; i++)
        atomic_store_explicit(&headers[i], 0, memory_order_relaxed);
}

bool lp_code_object(uintptr_t address, struct dl_phdr_info *info)
{
    struct lp_found found;
    if (!lp_find_object((void *)address, &found))
        return describe_vdso(address, info);

    const struct link_map *map = found.map;
    const ElfW(Ehdr) *header = found.start;
    *info = (struct dl_phdr_info){.dlpi_addr = map->l_addr, .dlpi_name = map->l_name};
    if (program_headers && !map->l_name[0]) { /* the loader has "" as the program's name */
        info->dlpi_phdr = program_headers;
        info->dlpi_phnum = nprogram_headers;
        return true;
    }
    /* Objects begin with their header. One with holes is known by its pieces: its header is where
     * it was loaded. */
    if (!header_readable(header) || !is_elf(header))
        header = (const void *)map->l_addr;
    if (!header_readable(header) || !is_elf(header))
        return false;
    info->dlpi_phdr = headers_of(header);
    info->dlpi_phnum = header->e_phnum;
    return true;
}

bool lp_code_program(struct dl_phdr_info *info)
{
    return program_headers && lp_code_object((uintptr_t)program_headers, info);
}

static bool in_object(uintptr_t address)
{
    struct dl_phdr_info info;
    if (!lp_code_object(address, &info))
        return false;
    for (int i = 0; i < info.dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info.dlpi_phdr[i];
        if (segment->p_type == PT_LOAD && (segment->p_flags & CODE) == CODE &&
            address - info.dlpi_addr - segment->p_vaddr < segment->p_memsz)
            return true;
    }
    return false;
}

/* Returns false if the writer does not finish. */
static bool in_region(uintptr_t address)
{
    for (int i = 0; i < TRIES; i++) {
        uint32_t before = atomic_load_explicit(&version, memory_order_acquire);
        bool found = false;
        for (uint32_t k = 0; k < nregions && k < REGIONS_MAX && !found; k++)
            found = address >= regions[k].start && address < regions[k].end;
        atomic_thread_fence(memory_order_acquire);
        if (before % 2 == 0 && atomic_load_explicit(&version, memory_order_relaxed) == before)
            return found;
    }
    return false;
}

bool lp_code_at(uintptr_t address)
{
    if (address < LP_PAGE)
        return false;
    if (in_object(address) || in_region(address))
        return true;
    atomic_store_explicit(&stale, true, memory_order_relaxed);
    return false;
}

/* call rel32 is e8. The others are ff with 2 in the middle of the next byte, and two to seven bytes
 * long. */
bool lp_code_after_call(uintptr_t address)
{
    const unsigned char *next = (const unsigned char *)address;
    if (next[-5] == 0xe8)
        return true;
    for (int length = 2; length <= 7; length++)
        if (next[-length] == 0xff && (next[1 - length] & 0x38) == 0x10)
            return true;
    return false;
}

/* mov $SYS_rt_sigreturn,%rax; syscall: gdb and libgcc recognize libc's trampoline by these bytes
 * too. They are compared one by one, so that nothing is read behind the first that differs: the
 * code may end there. */
bool lp_code_is_sigreturn(uintptr_t address)
{
    static const unsigned char wanted[] = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};
    const volatile unsigned char *code = (const unsigned char *)address;
    for (size_t i = 0; i < sizeof wanted; i++)
        if (code[i] != wanted[i])
            return false;
    return true;
}

bool lp_code_stale(void)
{
    return atomic_load_explicit(&stale, memory_order_relaxed);
}

static uintptr_t number(const char **text, char end)
{
    uintptr_t value = 0;
    for (; **text && **text != end; ++*text)
        value = value << 4 | (uintptr_t)(**text <= '9' ? **text - '0' : **text - 'a' + 10);
    *text += **text == end;
    return value;
}

/* Handles one line of maps: "start-end rwxp ...". Mappings of objects are skipped, because
 * lp_find_object() finds them. */
static void note_line(const char *line)
{
    const char *at = line;
    uintptr_t start = number(&at, '-'), end = number(&at, ' ');
    if (at[0] == 'r' && at[1] && at[2] == 'x' && !in_object(start) && nregions < REGIONS_MAX) {
        regions[nregions].start = start;
        regions[nregions].end = end;
        nregions++;
    }
}

void lp_code_refresh(void)
{
    static LP_APART char text[READ_BYTES + 1];
    long fd = lp_syscall(SYS_openat, AT_FDCWD, LP_PROC_SELF "maps", O_RDONLY | O_CLOEXEC), n,
         kept = 0;
    if (fd < 0)
        return;
    atomic_store(&stale, false);
    atomic_fetch_add(&version, 1);
    nregions = 0;
    while ((n = lp_syscall(SYS_read, fd, text + kept, READ_BYTES - kept)) > 0) {
        char *line = text, *end;
        text[kept + n] = '\0';
        for (; (end = strchr(line, '\n')); line = end + 1)
            note_line(line);
        kept = (long)strlen(line);
        memmove(text, line, (size_t)kept);
        if (kept == READ_BYTES) /* no line is so long */
            kept = 0;
    }
    atomic_fetch_add(&version, 1);
    lp_syscall(SYS_close, fd);
}
