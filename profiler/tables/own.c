#include "tables/own.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tables/losses.h"

static _Atomic int64_t bytes_of[LP_OWN_COUNT];

/* Raw system calls: mmap() may one day be a hook of ours, and a table must not watch itself. But
 * ThreadSanitizer has to see memory go, or it takes what lies there next for the same. */
static void unmap(void *pages, size_t bytes)
{
#ifdef __SANITIZE_THREAD__
    munmap(pages, bytes);
#else
    syscall(SYS_munmap, pages, bytes);
#endif
}

void *lp_own_map(size_t bytes, enum lp_own kind)
{
    int kept = errno;
    long pages =
        syscall(SYS_mmap, NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L);
    if (pages == -1) {
        errno = kept;
        lp_loss(LP_LOSS_NO_MEMORY);
        return NULL;
    }
    atomic_fetch_add_explicit(&bytes_of[kind], (int64_t)bytes, memory_order_relaxed);
    return (void *)pages;
}

void lp_own_unmap(void *pages, size_t bytes, enum lp_own kind)
{
    int kept = errno;
    unmap(pages, bytes);
    errno = kept;
    atomic_fetch_sub_explicit(&bytes_of[kind], (int64_t)bytes, memory_order_relaxed);
}

int64_t lp_own_bytes(enum lp_own kind)
{
    return atomic_load_explicit(&bytes_of[kind], memory_order_relaxed);
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
