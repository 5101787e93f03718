/*
 * ELF files, read by pread() and never mapped: a mapped file that is truncated raises SIGBUS in the
 * program. What is kept is a copy in the profiler's own pages. Profiler's thread only.
 */
#ifndef LP_SYMBOLIZE_ELF_H
#define LP_SYMBOLIZE_ELF_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An open file, or an object that is whole in memory (the vdso). */
struct lp_elf {
    int fd;             /* -1: in memory */
    const char *memory; /* else NULL */
    uint64_t size;
    Elf64_Ehdr header;
    Elf64_Phdr *segments;
    Elf64_Shdr *sections;
    Elf64_Chdr *compressed; /* how each section is; type 0: it is not */
    char *names;            /* of the sections */
    size_t nsegments, nsections, names_size;
};

enum { LP_ELF_UNREADABLE = UINT32_MAX }; /* as a type of compression */

struct lp_bytes {
    char *at; /* NULL: none */
    size_t n;
};

/* false: there is no such file, or it is no ELF file for this machine. Close it if true. */
bool lp_elf_open(struct lp_elf *elf, const char *path);
bool lp_elf_open_memory(struct lp_elf *elf, const char *memory, size_t size);
void lp_elf_close(struct lp_elf *elf);

/* All of these bytes, or false: the file may be shorter than its headers say, or become so. */
bool lp_elf_read_at(const struct lp_elf *elf, uint64_t offset, void *to, size_t n);

/* The number of a section with contents; 0: there is none. */
size_t lp_elf_section(const struct lp_elf *elf, const char *name);
const char *lp_elf_section_name(const struct lp_elf *elf, size_t i);

/* In hex; "" when it has none. */
void lp_elf_build_id(const struct lp_elf *elf, char hex[65]);

/* The checksum of .gnu_debuglink over the whole file. false: it cannot be read. */
bool lp_elf_crc(const struct lp_elf *elf, uint32_t *crc);

/* How many bytes the contents of this section take, uncompressed. */
uint64_t lp_elf_section_bytes(const struct lp_elf *elf, size_t i);

/* The contents, uncompressed, with a 0 behind. Release it. */
struct lp_bytes lp_elf_read(const struct lp_elf *elf, size_t i);

/* An ELF file with the same sections, of which only those that are wanted have contents. It is as
 * libelf takes it from memory. Release it. */
typedef bool lp_elf_wanted(const char *section);
uint64_t lp_elf_copy_bytes(const struct lp_elf *elf, lp_elf_wanted *wanted);
struct lp_bytes lp_elf_copy(const struct lp_elf *elf, lp_elf_wanted *wanted);

struct lp_bytes lp_bytes_new(size_t n); /* zeroed */
void lp_bytes_release(struct lp_bytes *bytes);

#endif
