/*
 * The profiler's own memory: pages from the kernel, never from malloc, because recording an
 * allocation must not allocate. Every byte is counted under the table it belongs to. Any thread,
 * any context.
 */
#ifndef LP_SYS_PAGES_H
#define LP_SYS_PAGES_H

#include <stddef.h>
#include <stdint.h>

#define LP_OWN_KINDS(X)                                                                            \
    X(STACKS, "stacks")                                                                            \
    X(STACKCACHE, "stackcache")                                                                    \
    X(SITES, "sites")                                                                              \
    X(BLOCKS, "blocks")                                                                            \
    X(FDS, "fds")                                                                                  \
    X(WAITS, "waits")                                                                              \
    X(MAPS, "maps")                                                                                \
    X(PROCS, "procs")                                                                              \
    X(THREADS, "threads")                                                                          \
    X(CPU, "cpu")                                                                                  \
    X(MODULES, "modules")                                                                          \
    X(SYMBOLS, "symbols")                                                                          \
    X(REPORTS, "reports")

enum lp_own {
#define X(id, text) LP_OWN_##id,
    LP_OWN_KINDS(X)
#undef X
        LP_OWN_COUNT
};

enum { LP_PAGE = 4096 }; /* bytes per page on x86-64 */

/* For a large table in static storage, which is zero at first. It has pages of its own, in a
 * section that the linker puts behind all other variables. The small ones then lie together: a
 * process that starts, and a child that is forked, touch few pages. */
#define LP_APART __attribute__((section(".lbss.leakprof"), aligned(LP_PAGE)))

/* Maps zeroed pages. NULL: the kernel refused (counted as a loss). errno is kept. */
void *lp_own_map(size_t bytes, enum lp_own kind);
/* The same, and forked children share the pages. */
void *lp_own_map_shared(size_t bytes, enum lp_own kind);
void lp_own_unmap(void *pages, size_t bytes, enum lp_own kind);

/* Where these pages are, and other memory of the profiler: mappings made for it by malloc and for
 * its thread. At most LP_OWN_PLACES are known. */
enum { LP_OWN_PLACES = 1 << 15 };
void lp_own_claim(const void *start, size_t bytes);
void lp_own_disclaim(const void *start);
void lp_own_each(void (*visit)(uintptr_t start, size_t bytes, void *arg), void *arg);

int64_t lp_own_bytes(enum lp_own kind);
void lp_own_count(int64_t bytes, enum lp_own kind); /* of static storage, when it is written */

/* How often the calling thread of the profiler's was refused something that an answer needs: pages
 * for what is only in answers, blocks of malloc's, or a file of the kernel's. An answer during
 * which this has risen may be incomplete (serve/reply.h). */
void lp_own_refuse(void);
void lp_own_refuse_file(long error); /* counts it if the file is there: a negative errno */
uint64_t lp_own_refused(void);

const char *lp_own_name(enum lp_own kind);

#endif
