#include "labmemory.h"

#include <errno.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <cmark.h>

struct block {
    LIST_ENTRY(block) link;
    _Alignas(16) char bytes[];
};

static _Thread_local LIST_HEAD(, block) blocks;
static _Thread_local jmp_buf left;

_Noreturn void labmemory_fail(void)
{
    longjmp(left, 1);
}

static struct block *block_of(void *bytes)
{
    return (struct block *)((char *)bytes - sizeof(struct block));
}

static void *keep(struct block *block)
{
    if (!block)
        labmemory_fail();
    LIST_INSERT_HEAD(&blocks, block, link);
    return block->bytes;
}

static void *take(size_t n, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(n, size, &bytes) || bytes > SIZE_MAX - sizeof(struct block))
        labmemory_fail();
    return keep(calloc(1, sizeof(struct block) + bytes));
}

static void release(void *bytes)
{
    if (!bytes)
        return;
    LIST_REMOVE(block_of(bytes), link);
    free(block_of(bytes));
}

/* If there is no memory, the old block is in no list, so it is freed here. */
static void *resize(void *bytes, size_t size)
{
    struct block *old = bytes ? block_of(bytes) : NULL, *block;

    if (!old)
        return take(1, size);
    LIST_REMOVE(old, link);
    block = realloc(old, sizeof(*block) + size);
    if (!block)
        free(old);
    return keep(block);
}

struct cmark_mem labmemory = {take, resize, release};

int labmemory_run(void (*work)(void *arg), void *arg)
{
    struct block *block;
    int failed;

    LIST_INIT(&blocks);
    failed = setjmp(left);
    if (!failed)
        work(arg);
    while ((block = LIST_FIRST(&blocks)) != NULL) {
        LIST_REMOVE(block, link);
        free(block);
    }
    return failed ? -ENOMEM : 0;
}
