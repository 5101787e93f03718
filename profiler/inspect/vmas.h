/*
 * The address space as the kernel has it: what is mapped (/proc/self/maps), and which pages of it
 * are in memory. smaps would say both, but takes some 8 us a mapping, most of it for text and
 * figures that nobody wants here; the pages come from /proc/self/pagemap instead, by one ioctl for
 * thousands of them where the kernel has that (Linux 6.7), else read entry by entry.
 *
 * The kernel lets go of the address space's lock every fifty lines or so, so the program never
 * waits long; what it maps and unmaps meanwhile may or may not be seen. Profiler's thread only.
 */
#ifndef LP_INSPECT_VMAS_H
#define LP_INSPECT_VMAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lp_vma {
    uintptr_t start, end;
    uint64_t inode;
    uint32_t device;
    uint32_t name;      /* where in the texts */
    char protection[5]; /* "rw-p" */
};

/* Sorted by address; no two overlap. */
struct lp_vmas {
    struct lp_vma *at;
    size_t n, room;
    char *texts;
    size_t used, texts_room;
};

/* 0, or a negative errno; to be released either way. */
int lp_vmas_read(struct lp_vmas *vmas);
void lp_vmas_release(struct lp_vmas *vmas);

/* A path, "[heap]", or "" for anonymous memory. */
static inline const char *lp_vma_name(const struct lp_vmas *vmas, const struct lp_vma *vma)
{
    return vmas->texts + vma->name;
}

static inline bool lp_vma_reserved(const struct lp_vma *vma) /* PROT_NONE */
{
    return vma->protection[0] == '-' && vma->protection[1] == '-' && vma->protection[2] == '-';
}

/* Calls visit for each stretch of resident pages, in order. The shared page of zeros does not count
 * where the kernel tells. 0, or a negative errno. */
int lp_resident_each(const struct lp_vmas *vmas,
                     void (*visit)(uintptr_t start, uintptr_t end, void *arg), void *arg);

#endif
