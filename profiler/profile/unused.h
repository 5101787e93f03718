/*
 * Unused memory: resident memory that malloc holds and has not handed out. That is freed memory
 * kept for later, and holes between blocks in use. RSS less the heap in use would count code,
 * stacks and mappings as well; here only the pages of malloc's own mappings count
 * (inspect/mappings.c knows them), less the chunks that the blocks in use take, header and rounding
 * included, and less what the profiler's own threads hold.
 *
 * It may be negative: memory in use that was never touched is not resident. Its error is that of
 * the heap in use. Profiler's thread only.
 */
#ifndef LP_PROFILE_UNUSED_H
#define LP_PROFILE_UNUSED_H

#include <stdbool.h>

#include "profile/profile.h"

struct lp_unused {
    bool known; /* false: the allocator is not libc's. Then bytes is 0 */
    int64_t bytes;
    int64_t trimmable; /* of these, malloc_trim() would give back about so many, from the sizes of
                        * the free chunks: what each has of whole pages, at the least. -1: it was
                        * not asked, because there is less than LP_UNUSED_ASKED */
};
enum { LP_UNUSED_ASKED = 4 << 20 };

/* 0 bytes if a profile is missing. top_bytes: what is free at the end of the main arena. */
struct lp_unused lp_unused_of(const struct lp_profile *heap, const struct lp_profile *maps,
                              int64_t top_bytes);

#endif
