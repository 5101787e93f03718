/*
 * Every mapping of the process, once. The kernel knows what is mapped (inspect/vmas.h), the table
 * knows the call that mapped it (inspect/places.h). Their borders differ: the kernel merges
 * neighbours that look alike and splits a mapping where protections differ. Here a mapping is what
 * one call made, or what is left of it in one piece.
 *
 * What no hook saw is recognized by its name or by its contents (inspect/libc_maps.h), and has one
 * special stack.
 *
 * The kernel's list is read first, then the table. So a mapping that is made meanwhile is missed,
 * and not shown without its stack. The table is also read before, for mappings that are unmapped
 * meanwhile. Profiler's thread only.
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
    LP_MAPPING_UNNAMED, /* while it is read; then replaced by what its name means */
#define X(id, text) LP_MAPPING_##id,
    LP_MAPPING_KINDS(X)
#undef X
};

struct lp_mapping {
    uintptr_t start, end;
    enum lp_mapping_kind kind;
    const struct lp_vma *vma; /* for its protection and name */
    uint64_t resident, none;  /* bytes in memory; without permissions */
    uint32_t stack, birth, call;
    bool known; /* are birth and call known? */
};

struct lp_mappings {
    struct lp_vmas vmas;
    struct lp_array list; /* struct lp_mapping, by address */
};

/* 0 or negative errno. Release it in both cases. */
int lp_mappings_read(struct lp_mappings *mappings);
void lp_mappings_release(struct lp_mappings *mappings);

/* The same pointer for the same kind. */
const char *lp_mapping_kind_name(enum lp_mapping_kind kind);

#endif
