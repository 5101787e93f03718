/*
 * Every mapping of the process, once. The kernel knows what is mapped (inspect/vmas.h), and the
 * table knows the call that mapped it (inspect/places.h). Their boundaries differ: the kernel
 * merges neighbours with the same properties, and splits a mapping where protections differ. Here,
 * a mapping is what one call made, or a connected piece of it.
 *
 * Mappings that no hook saw are recognized by their names or contents (inspect/libc_maps.h). They
 * have one special stack.
 *
 * The kernel's list is read first, then the table. A mapping that is made in between is left out,
 * rather than shown without its stack. The table is also read before the list, for mappings that
 * are unmapped in between. Profiler's thread only.
 */
#ifndef LP_INSPECT_MAPPINGS_H
#define LP_INSPECT_MAPPINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "sys/array.h"
#include "inspect/vmas.h"

#define LP_MAPPING_KINDS(X)                                                                        \
    X(ANONYMOUS, "anonymous")                                                                      \
    X(FILE, "file")                                                                                \
    X(SHARED, "shared memory")                                                                     \
    X(RESERVED, "reserved")                                                                        \
    X(THREAD_STACK, "thread stack")                                                                \
    X(ARENA, "malloc arena")                                                                       \
    X(BLOCK, "malloc mmap")                                                                        \
    X(MAIN_STACK, "stack")                                                                         \
    X(KERNEL, "kernel")                                                                            \
    X(PROFILER, "profiler")                                                                        \
    X(UNKNOWN, "unknown")

enum lp_mapping_kind {
    LP_MAPPING_UNNAMED, /* only during the reading; replaced according to its name */
#define X(id, text) LP_MAPPING_##id,
    LP_MAPPING_KINDS(X)
#undef X
};

struct lp_mapping {
    uintptr_t start, end;
    enum lp_mapping_kind kind;
    const struct lp_vma *vma; /* has its protection and name */
    uint64_t resident, none;  /* bytes in memory; bytes without permissions */
    uint32_t stack, birth, call;
    bool known; /* are birth and call known? */
};

struct lp_mappings {
    struct lp_vmas vmas;
    struct lp_array list; /* struct lp_mapping, by address */
    bool spread; /* resident memory is known for the kernel's mappings only, and spread evenly */
};

/* 0 or negative errno. Release it in both cases. */
int lp_mappings_read(struct lp_mappings *mappings);
void lp_mappings_release(struct lp_mappings *mappings);

/* Returns the same pointer for the same kind. */
const char *lp_mapping_kind_name(enum lp_mapping_kind kind);

#endif
