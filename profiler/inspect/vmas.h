/*
 * The address space: what is mapped (/proc maps), and which pages of it are in memory (/proc
 * pagemap). smaps has both, but takes about 8 us per mapping, most of it for text and figures that
 * are not used here. The pages are read by one ioctl for thousands of them (Linux 6.7), otherwise
 * entry by entry.
 *
 * The kernel releases the lock of the address space about every fifty lines, so the program never
 * waits long. A mapping that is made or removed meanwhile may or may not be listed. Profiler's
 * thread only.
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
    uint32_t name;      /* offset in the texts */
    char protection[5]; /* "rw-p" */
};

/* Sorted by address; no two overlap. */
struct lp_vmas {
    struct lp_vma *at;
    size_t n, capacity;
    char *texts;
    size_t used, texts_room;
    char *buffer; /* stays mapped until the release, because the list contains it */
};

/* 0 or negative errno. Release it in both cases. */
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

/* Opens the file that lp_resident_each() reads. It cannot be opened after the program has become
 * another user. Call when the profiler's thread starts. */
void lp_resident_prepare(void);

/* Calls visit for each run of resident pages, in order. The shared page of zeros does not count if
 * the kernel can distinguish it. Returns 0 or a negative errno, or LP_RESIDENT_SPREAD if only the
 * sum of each mapping is known (inspect/smaps.c). */
enum { LP_RESIDENT_SPREAD = 1 };
int lp_resident_each(const struct lp_vmas *vmas,
                     void (*visit)(uintptr_t start, uintptr_t end, void *arg), void *arg);

/* The same from smaps. Returns 0 or a negative errno. */
int lp_resident_spread(void (*visit)(uintptr_t start, uintptr_t end, void *arg), void *arg);

#endif
