#include "sys/pages.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "sys/losses.h"
#include "sys/syscall.h"

static _Atomic int64_t bytes_of[LP_OWN_COUNT];
static __thread uint64_t refused;

static LP_APART struct {
    _Atomic uintptr_t start; /* 0: free */
    _Atomic size_t bytes;
} places[LP_OWN_PLACES];
static _Atomic uint32_t places_used; /* one past the last place ever used */

void lp_own_claim(const void *start, size_t bytes)
{
    for (uint32_t i = 0; i < LP_OWN_PLACES; i++) {
        uintptr_t free = 0;
        if (!atomic_compare_exchange_strong(&places[i].start, &free, (uintptr_t)start))
            continue;
        atomic_store(&places[i].bytes, bytes);
        uint32_t used = atomic_load(&places_used);
        while (used <= i && !atomic_compare_exchange_weak(&places_used, &used, i + 1))
            ;
        return;
    }
}

void lp_own_disclaim(const void *start)
{
    for (uint32_t i = 0, n = atomic_load(&places_used); start && i < n; i++) {
        if (atomic_load(&places[i].start) != (uintptr_t)start)
            continue;
        atomic_store(&places[i].bytes, 0);
        atomic_store(&places[i].start, 0);
        return;
    }
}

void lp_own_each(void (*visit)(uintptr_t start, size_t bytes, void *arg), void *arg)
{
    for (uint32_t i = 0, n = atomic_load(&places_used); i < n; i++) {
        uintptr_t start = atomic_load(&places[i].start);
        size_t bytes = atomic_load(&places[i].bytes);
        if (start && bytes)
            visit(start, bytes, arg);
    }
}

/* ThreadSanitizer must see the unmapping. Otherwise it takes what is mapped at the same address
 * next for the same memory. */
static void unmap(void *pages, size_t bytes)
{
#ifdef __SANITIZE_THREAD__
    munmap(pages, bytes);
#else
    lp_syscall(SYS_munmap, pages, bytes);
#endif
}

static void *map(size_t bytes, enum lp_own kind, int flags)
{
    long pages =
        lp_syscall(SYS_mmap, NULL, bytes, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1);
    if (pages < 0 && pages >= -LP_ERRNO_MAX) {
        lp_loss(LP_LOSS_NO_MEMORY);
        if (kind >= LP_OWN_MODULES) /* otherwise profiles show the loss */
            lp_own_refuse();
        return NULL;
    }
    atomic_fetch_add_explicit(&bytes_of[kind], (int64_t)bytes, memory_order_relaxed);
    lp_own_claim((void *)pages, bytes);
    return (void *)pages;
}

void *lp_own_map(size_t bytes, enum lp_own kind)
{
    return map(bytes, kind, MAP_PRIVATE);
}

void *lp_own_map_shared(size_t bytes, enum lp_own kind)
{
    return map(bytes, kind, MAP_SHARED);
}

void lp_own_unmap(void *pages, size_t bytes, enum lp_own kind)
{
    lp_own_disclaim(pages);
    unmap(pages, bytes);
    atomic_fetch_sub_explicit(&bytes_of[kind], (int64_t)bytes, memory_order_relaxed);
}

void lp_own_count(int64_t bytes, enum lp_own kind)
{
    atomic_fetch_add_explicit(&bytes_of[kind], bytes, memory_order_relaxed);
}

int64_t lp_own_bytes(enum lp_own kind)
{
    return atomic_load_explicit(&bytes_of[kind], memory_order_relaxed);
}

void lp_own_refuse(void)
{
    refused++;
}

void lp_own_refuse_file(long error)
{
    if (error == -EMFILE || error == -ENFILE || error == -ENOMEM || error == -EIO)
        lp_own_refuse();
}

uint64_t lp_own_refused(void)
{
    return refused;
}

const char *lp_own_name(enum lp_own kind)
{
    static const char *const names[] = {
#define X(id, text) text,
        LP_OWN_KINDS(X)
#undef X
    };
    return names[kind];
}
