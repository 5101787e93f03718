/*
 * The gap: memory that malloc holds beyond what the program has in use. It is freed memory that is
 * kept for later, and holes that cannot be returned because live blocks surround them. RSS less the
 * heap in use would include code, stacks and mappings. Here, only the resident pages of malloc's
 * own mappings count (inspect/mappings.c finds them), less the chunks of the blocks in use, with
 * headers and rounding, and less what the profiler's own threads hold.
 *
 * A gap may be negative: memory in use that was never touched is not resident. Its error is that of
 * the heap in use. Profiler's thread only.
 */
#ifndef LP_PROFILE_GAP_H
#define LP_PROFILE_GAP_H

#include "profile/profile.h"

struct lp_gap {
    int64_t bytes;
    /* How many of these malloc_trim() would return at least: the whole pages in free chunks. -1:
     * not measured, because the gap is less than LP_GAP_ASKED. */
    int64_t trimmable;
};
enum { LP_GAP_ASKED = 4 << 20 };

/* top_bytes: free bytes at the end of the main arena. */
struct lp_gap lp_gap_of(const struct lp_profile *heap, const struct lp_profile *maps,
                        int64_t top_bytes);

#endif
