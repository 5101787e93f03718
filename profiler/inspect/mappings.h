/*
 * Every mapping of the process, once. The kernel says what is mapped (inspect/vmas.h), the table
 * who did it (inspect/places.h); between the two, borders differ. The kernel merges neighbours
 * that look alike and splits one mapping where protections differ; here a mapping is what one call
 * made, or what is left of it in one piece.
 *
 * What no hook saw is told by its name, or by what stands in it (inspect/libc_maps.h), and stands
 * under one special stack.
 *
 * First what is mapped is read, then the table: a mapping that comes meanwhile is missed, and not
 * shown without its stack. For one that goes meanwhile the table is read before, too. Profiler's
 * thread only.
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
    LP_MAPPING_UNNAMED, /* while it is read: the kernel's name for it will tell */
#define X(id, text) LP_MAPPING_##id,
    LP_MAPPING_KINDS(X)
#undef X
};

struct lp_mapping {
    uintptr_t start, end;
    enum lp_mapping_kind kind;
    const struct lp_vma *vma; /* has its protection and name */
    uint64_t resident, none;  /* bytes in memory; without permissions */
    uint32_t stack, birth, call;
    bool known; /* birth and call are */
};

struct lp_mappings {
    struct lp_vmas vmas;
    struct lp_array list; /* struct lp_mapping, by address */
};

/* 0, or a negative errno; to be released either way. */
int lp_mappings_read(struct lp_mappings *mappings);
void lp_mappings_release(struct lp_mappings *mappings);

/* The same pointer for the same kind. */
const char *lp_mapping_kind_name(enum lp_mapping_kind kind);

#endif
