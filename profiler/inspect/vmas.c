/*
 * All memory comes from the profiler's own pages and is mapped before the first line is read,
 * because a list that grows would change what is read. If the memory is too small, everything is
 * read again with twice as much.
 */
#include "inspect/vmas.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "inspect/openfile.h"
#include "record/self.h"
#include "sys/file.h"
#include "sys/pages.h"

enum { BUFFER = 64 << 10, CAPACITY_FIRST = 1024, TEXT_EACH = 64 };

void lp_vmas_release(struct lp_vmas *vmas)
{
    if (vmas->at)
        lp_own_unmap(vmas->at, vmas->capacity * sizeof *vmas->at, LP_OWN_MAPS);
    if (vmas->texts)
        lp_own_unmap(vmas->texts, vmas->texts_room, LP_OWN_MAPS);
    if (vmas->buffer)
        lp_own_unmap(vmas->buffer, BUFFER, LP_OWN_MAPS);
    *vmas = (struct lp_vmas){0};
}

/* Reads a number and the character behind it. NULL: p is NULL, or another character is there. */
static const char *hex(const char *p, char mark, uint64_t *out)
{
    uint64_t value = 0;
    for (; p; p++) {
        unsigned digit = (unsigned char)*p;
        if (digit - '0' < 10)
            digit -= '0';
        else if (digit - 'a' < 6)
            digit -= 'a' - 10;
        else
            break;
        value = value << 4 | digit;
    }
    *out = value;
    return p && *p == mark ? p + 1 : NULL;
}

/* The offset of this name in the texts. Neighbours often share a name. UINT32_MAX: no room. */
static uint32_t keep_name(struct lp_vmas *vmas, const char *name, size_t length)
{
    if (length == 0)
        return 0;
    uint32_t last = vmas->n ? vmas->at[vmas->n - 1].name : 0;
    if (strnlen(vmas->texts + last, length + 1) == length &&
        !memcmp(vmas->texts + last, name, length))
        return last;
    if (vmas->used + length + 1 > vmas->texts_room)
        return UINT32_MAX;
    uint32_t at = (uint32_t)vmas->used;
    memcpy(vmas->texts + at, name, length);
    vmas->texts[at + length] = '\0';
    vmas->used += length + 1;
    return at;
}

/* "7f01c000-7f01d000 rw-p 00000000 08:02 1234   /a/file". Other lines do not count. */
static int read_line(const char *line, size_t length, void *arg)
{
    struct lp_vmas *vmas = arg;
    struct lp_vma vma = {0};
    uint64_t start, limit, offset, major, minor;
    const char *p = hex(hex(line, '-', &start), ' ', &limit);
    if (!p || strnlen(p, 5) < 5)
        return 0;
    memcpy(vma.protection, p, 4);
    p = hex(hex(hex(p + 5, ' ', &offset), ':', &major), ' ', &minor);
    if (!p)
        return 0;
    for (; *p >= '0' && *p <= '9'; p++)
        vma.inode = vma.inode * 10 + (unsigned)(*p - '0');
    while (*p == ' ')
        p++;

    /* What changes between two reads may be listed twice. */
    uintptr_t seen = vmas->n ? vmas->at[vmas->n - 1].end : 0;
    vma.start = start > seen ? start : seen;
    vma.end = limit;
    vma.device = (uint32_t)(major << 20 | minor);
    if (vma.end <= vma.start)
        return 0;
    vma.name = keep_name(vmas, p, length - (size_t)(p - line));
    if (vmas->n == vmas->capacity || vma.name == UINT32_MAX)
        return -ENOSPC;
    vmas->at[vmas->n++] = vma;
    return 0;
}

int lp_vmas_read(struct lp_vmas *vmas)
{
    static size_t enough = CAPACITY_FIRST;
    int result = -ENOSPC;
    *vmas = (struct lp_vmas){0};
    while (result == -ENOSPC) {
        lp_vmas_release(vmas);
        vmas->capacity = enough;
        vmas->texts_room = enough * TEXT_EACH;
        vmas->at = lp_own_map(vmas->capacity * sizeof *vmas->at, LP_OWN_MAPS);
        vmas->texts = lp_own_map(vmas->texts_room, LP_OWN_MAPS);
        vmas->buffer = lp_own_map(BUFFER, LP_OWN_MAPS);
        if (!vmas->at || !vmas->texts || !vmas->buffer) {
            result = -ENOMEM;
            break;
        }
        vmas->used = 1; /* the empty name */
        result = lp_file_lines(LP_PROC_SELF "maps", '\n', vmas->buffer, BUFFER, read_line, vmas);
        if (result == -ENOSPC)
            enough *= 2;
    }
    return result;
}

/* From <linux/fs.h>. The version in Debian 12 is too old to have it. */
struct page_region {
    uint64_t start, end, categories;
};
struct pm_scan_arg {
    uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
    uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};
#define LP_PAGEMAP_SCAN _IOWR('f', 16, struct pm_scan_arg)
enum { PRESENT = 1 << 3, ZEROS = 1 << 5 };
#define USER_END UINT64_C(0x7ffffffff000)

typedef void visit_fn(uintptr_t start, uintptr_t end, void *arg);

/* How many the kernel walks in one call, which holds the lock of the address space. */
enum { VMAS_AT_ONCE = 256 };

static int scan(int fd, const struct lp_vmas *vmas, size_t nvmas, char *buffer, visit_fn *visit,
                void *arg)
{
    struct page_region *found = (struct page_region *)buffer;
    struct pm_scan_arg scan = {
        .size = sizeof scan,
        .vec = (uintptr_t)found,
        .vec_len = BUFFER / sizeof *found,
        .category_inverted = ZEROS,
        .category_mask = PRESENT | ZEROS,
        .return_mask = PRESENT,
    };
    for (size_t i = 0; i < nvmas; i += VMAS_AT_ONCE) {
        scan.start = vmas->at[i].start;
        scan.end = vmas->at[i + VMAS_AT_ONCE < nvmas ? i + VMAS_AT_ONCE - 1 : nvmas - 1].end;
        while (scan.start < scan.end) {
            int n = ioctl(fd, LP_PAGEMAP_SCAN, &scan);
            if (n < 0 && errno == EINTR)
                continue;
            if (n < 0)
                return -errno;
            for (int k = 0; k < n; k++)
                visit(found[k].start, found[k].end, arg);
            scan.start = scan.walk_end > scan.start ? scan.walk_end : scan.end;
        }
    }
    return 0;
}

/* A reservation of terabytes, such as a sanitizer's, would take minutes this way. It is skipped. */
#define TOO_LARGE (UINT64_C(1) << 36)

static int read_entries(int fd, const struct lp_vmas *vmas, uint64_t *entries, visit_fn *visit,
                        void *arg)
{
    enum { AT_ONCE = BUFFER / sizeof *entries };
    const uint64_t present = UINT64_C(1) << 63;
    for (size_t i = 0; i < vmas->n && vmas->at[i].end <= USER_END; i++) {
        uintptr_t at = vmas->at[i].start, end = vmas->at[i].end;
        while (at < end && vmas->at[i].end - vmas->at[i].start < TOO_LARGE) {
            size_t want = (end - at) / LP_PAGE < AT_ONCE ? (end - at) / LP_PAGE : AT_ONCE;
            ssize_t n =
                pread(fd, entries, want * sizeof *entries, (off_t)(at / LP_PAGE * sizeof *entries));
            if (n <= 0)
                return n < 0 ? -errno : 0;
            size_t got = (size_t)n / sizeof *entries;
            for (size_t k = 0, first; k < got;) {
                for (first = k; k < got && entries[k] & present;)
                    k++;
                if (k > first)
                    visit(at + first * LP_PAGE, at + k * LP_PAGE, arg);
                while (k < got && !(entries[k] & present))
                    k++;
            }
            at += got * LP_PAGE;
        }
    }
    return 0;
}

static int open_pagemap(void)
{
    return lp_open_file(LP_PROC_SELF "pagemap", O_RDONLY);
}

static int pagemap = -1; /* in the own table of the profiler's thread, and closed with it */

void lp_resident_prepare(void)
{
    pagemap = lp_own_apart() ? open_pagemap() : -1;
}

int lp_resident_each(const struct lp_vmas *vmas, visit_fn *visit, void *arg)
{
    size_t n = vmas->n;
    while (n > 0 && vmas->at[n - 1].end > USER_END)
        n--; /* [vsyscall] is not user memory */
    if (n == 0)
        return 0;
    char *buffer = lp_own_map(BUFFER, LP_OWN_MAPS);
    bool kept = lp_own_apart() && pagemap >= 0;
    int fd = kept ? pagemap : open_pagemap();
    int result = !buffer ? -ENOMEM : fd < 0 ? -errno : 0;
    if (buffer && fd < 0 && lp_resident_spread(visit, arg) == 0)
        result = LP_RESIDENT_SPREAD;
    if (!result)
        result = scan(fd, vmas, n, buffer, visit, arg);
    if (result == -ENOTTY || result == -EINVAL)
        result = read_entries(fd, vmas, (uint64_t *)buffer, visit, arg);
    if (fd >= 0 && !kept)
        close(fd);
    if (buffer)
        lp_own_unmap(buffer, BUFFER, LP_OWN_MAPS);
    return result;
}
