/*
 * ELF files, read by pread() and never mapped: if a mapped file is truncated, it raises SIGBUS in
 * the program. What is needed is copied into the profiler's own pages. Profiler's thread only.
 */
#ifndef LP_SYMBOLIZE_ELF_H
#define LP_SYMBOLIZE_ELF_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An open file, or an object that is complete in memory (the vdso). */
struct lp_elf {
    int fd;             /* -1: the object is in memory */
    const char *memory; /* the object in memory, else NULL */
    uint64_t size;
    Elf64_Ehdr header;
    Elf64_Phdr *segments;
    Elf64_Shdr *sections;
    Elf64_Chdr *compressed; /* how each section is compressed; type 0: it is not */
    char *names;            /* names of the sections */
    size_t nsegments, nsections, names_size;
};

enum { LP_ELF_UNREADABLE = UINT32_MAX }; /* a type of compression */

struct lp_bytes {
    char *at; /* NULL: none */
    size_t n;
};

/* false: there is no such file, or it is not an ELF file for this machine. If true, close it. */
bool lp_elf_open(struct lp_elf *elf, const char *path);
bool lp_elf_open_memory(struct lp_elf *elf, const char *memory, size_t size);
void lp_elf_close(struct lp_elf *elf);

/* Reads all of these bytes. false: the file is shorter than its headers say. */
bool lp_elf_read_at(const struct lp_elf *elf, uint64_t offset, void *to, size_t n);

/* The number of a section with contents; 0: there is none. */
size_t lp_elf_section(const struct lp_elf *elf, const char *name);
const char *lp_elf_section_name(const struct lp_elf *elf, size_t i);

/* In hex. "" if there is none. */
void lp_elf_build_id(const struct lp_elf *elf, char hex[65]);

/* The checksum of the whole file, as in .gnu_debuglink. false: it cannot be read. */
bool lp_elf_crc(const struct lp_elf *elf, uint32_t *crc);

/* The uncompressed size of this section's contents. */
uint64_t lp_elf_section_bytes(const struct lp_elf *elf, size_t i);

/* The uncompressed contents, followed by a 0. Release them. */
struct lp_bytes lp_elf_read(const struct lp_elf *elf, size_t i);

/* Copies an ELF file with the same sections. Only the wanted sections have contents. libelf can
 * read the copy from memory. Release it. */
typedef bool lp_elf_wanted(const char *section);
uint64_t lp_elf_copy_bytes(const struct lp_elf *elf, lp_elf_wanted *wanted);
struct lp_bytes lp_elf_copy(const struct lp_elf *elf, lp_elf_wanted *wanted);

struct lp_bytes lp_bytes_new(size_t n); /* zeroed */
void lp_bytes_release(struct lp_bytes *bytes);

#endif
