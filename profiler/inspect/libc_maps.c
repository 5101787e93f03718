#include "inspect/libc_maps.h"

#include <pthread.h>
#include <stdbool.h>

#include "sys/peek.h"
#include "sys/pages.h"

enum {
    HEAP_MAX = 64 << 20, /* glibc's HEAP_MAX_SIZE; heaps are aligned to it */
    MAPPED = 2,          /* IS_MMAPPED */
    BLOCK_FLAGS = 7,
    HEAD = 16, /* two words before a block: padding and size */
};

/* glibc's thread descriptor is at the top of the stack. Its first and third word point to itself.
 */
static uintptr_t descriptor_below(uintptr_t end)
{
    enum { WORDS = LP_PAGE / sizeof(uintptr_t), STEP = 64 / sizeof(uintptr_t) };
    uintptr_t words[WORDS] = {0};
    if (!lp_peek(end - LP_PAGE, words, sizeof words))
        return 0;
    for (size_t i = 0; i + 2 < WORDS; i += STEP) {
        uintptr_t here = end - LP_PAGE + i * sizeof *words;
        if (words[i] == here && words[i + 2] == here)
            return here;
    }
    return 0;
}

static size_t usual_stack(void)
{
    static size_t usual;
    pthread_attr_t attributes;
    if (!usual && pthread_getattr_default_np(&attributes) == 0) {
        pthread_attr_getstacksize(&attributes, &usual);
        pthread_attr_destroy(&attributes);
    }
    return usual;
}

uintptr_t lp_libc_stack(uintptr_t start, uintptr_t end, uintptr_t *self)
{
    size_t usual = usual_stack();
    if ((*self = descriptor_below(end)))
        return end;
    /* The kernel may have merged it with the mapping above. */
    if (end - start > usual && (*self = descriptor_below(start + usual)))
        return start + usual;
    return 0;
}

uintptr_t lp_libc_arena(uintptr_t start, uintptr_t end)
{
    struct {
        uintptr_t arena, previous;
        size_t size, accessible;
    } heap = {0};
    if (start % HEAP_MAX || !lp_peek(start, &heap, sizeof heap))
        return 0;
    bool first = !heap.previous && heap.arena > start && heap.arena < start + LP_PAGE;
    bool further = heap.previous && heap.previous % HEAP_MAX == 0 && heap.arena;
    if (!(first || further) || heap.size < LP_PAGE || heap.size % LP_PAGE || heap.size > HEAP_MAX ||
        heap.accessible < heap.size || heap.accessible > HEAP_MAX || heap.accessible % LP_PAGE)
        return 0;
    return end - start > HEAP_MAX ? start + HEAP_MAX : end;
}

/* For a block with `before` bytes of padding for its alignment. */
static uintptr_t block_with_head_at(uintptr_t start, uintptr_t end, size_t before)
{
    size_t head[2] = {0};
    if (end - start < before + HEAD || !lp_peek(start + before, head, sizeof head))
        return 0;
    size_t size = head[1] & ~(size_t)BLOCK_FLAGS;
    if (head[0] != before || (head[1] & BLOCK_FLAGS) != MAPPED || size > end - start - before ||
        size < HEAD || (before + size) % LP_PAGE)
        return 0;
    return start + before + size;
}

uintptr_t lp_libc_block(uintptr_t start, uintptr_t end)
{
    enum { ALIGNED_LEAST = 12, ALIGNED_MOST = 21 }; /* 4 KiB to 2 MiB */
    uintptr_t found = block_with_head_at(start, end, 0);
    for (int shift = ALIGNED_LEAST; !found && shift <= ALIGNED_MOST; shift++) {
        uintptr_t aligned = ((start + HEAD - 1) | (((uintptr_t)1 << shift) - 1)) + 1;
        found = block_with_head_at(start, end, aligned - HEAD - start);
    }
    return found;
}
