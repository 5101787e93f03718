#include "profile/unused.h"

#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/heap.h"
#include "profile/maps.h"
#include "record/allocator.h"
#include "record/self.h"
#include "sys/pages.h"

/* A chunk of glibc on a 64-bit machine: the size is stored before the block, and sizes are
 * multiples of 16. */
enum { CHUNK_HEADER = 8, CHUNK_STEP = 16, CHUNK_MIN = 32 };

static int64_t chunk_bytes(int64_t block)
{
    int64_t chunk = (block + CHUNK_HEADER + CHUNK_STEP - 1) / CHUNK_STEP * CHUNK_STEP;
    return chunk > CHUNK_MIN ? chunk : CHUNK_MIN;
}

static int64_t chunks_in_use(const struct lp_profile *heap)
{
    int64_t bytes = 0;
    for (size_t i = 0; i < heap->nrows; i++)
        bytes += heap->rows[i].value[LP_INUSE_OBJECTS] * chunk_bytes(heap->rows[i].label_num);
    return bytes;
}

/* The sum of the kinds "malloc arena" and "malloc mmap". */
static int64_t resident_in_malloc(const struct lp_profile *maps)
{
    int64_t bytes = 0;
    for (size_t i = 0; i < maps->nrows; i++)
        if (maps->rows[i].label_text && !strncmp(maps->rows[i].label_text, "malloc ", 7))
            bytes += maps->rows[i].value[LP_MAPS_RESIDENT];
    return bytes;
}

/* Parses ` name="…"` at *at and moves *at behind it. Returns the number. -1: something else is
 * there. */
static int64_t number(const char **at, const char *name)
{
    size_t length = strlen(name);
    char *end;

    if (strncmp(*at, name, length) != 0)
        return -1;
    int64_t number = strtoll(*at + length, &end, 10);
    *at = *end == '"' ? end + 1 : end;
    return number;
}

/* malloc_info() has a line for each size of free chunks, arena by arena, and sums after them that
 * have no "from". A chunk of n bytes, wherever it begins, has n - (LP_PAGE - 1) bytes of whole
 * pages. Many threads make many arenas, and all of it megabytes: it is read once, which sscanf()
 * would not do, for that looks for the end of the text each time. */
static int64_t whole_pages(const char *info)
{
    int64_t bytes = 0;

    while ((info = strstr(info, " from=\""))) {
        number(&info, " from=\"");
        number(&info, " to=\"");
        int64_t total = number(&info, " total=\""), count = number(&info, " count=\"");
        if (count > 0 && total > count * (LP_PAGE - 1))
            bytes += total - count * (LP_PAGE - 1);
    }
    return bytes;
}

/* Takes the lock of each arena in turn while its free chunks are counted, as mallinfo2() does. */
static int64_t trimmable(void)
{
    char *info = NULL;
    size_t size;
    int previous = lp_own_enter();
    FILE *out = open_memstream(&info, &size);
    int64_t bytes = 0;
    if (out) {
        int rc = malloc_info(0, out);
        fclose(out);
        if (rc == 0 && info)
            bytes += whole_pages(info);
    }
    free(info);
    lp_own_leave(previous);
    return bytes;
}

struct lp_unused lp_unused_of(const struct lp_profile *heap, const struct lp_profile *maps,
                              int64_t top_bytes)
{
    if (lp_allocator_name() || heap->missing || maps->missing)
        return (struct lp_unused){.trimmable = -1};
    struct lp_unused unused = {.known = true,
                               .bytes = resident_in_malloc(maps) - chunks_in_use(heap) -
                                        lp_heap_of(heap)->footprint.heap,
                               .trimmable = -1};
    if (unused.bytes >= LP_UNUSED_ASKED) {
        int64_t free_pages = top_bytes + trimmable();
        unused.trimmable = free_pages < unused.bytes ? free_pages : unused.bytes;
    }
    return unused;
}
