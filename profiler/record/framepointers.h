/*
 * Follows frames by frame pointers, where there are no unwind tables or libunwind is not loaded
 * yet. A frame must be consistent: it lies above the one before, its memory can be read, and its
 * return address lies in code, behind a call. Takes no lock, allocates nothing; any context.
 */
#ifndef LP_RECORD_FRAMEPOINTERS_H
#define LP_RECORD_FRAMEPOINTERS_H

#include <stdbool.h>
#include <stdint.h>

#include "record/stackcache.h"

/* Why the frames of a stack ended. */
enum lp_stack_end {
    LP_END_COMPLETE, /* the outermost frame has no caller */
    LP_END_CUT,      /* the next frame was not found */
    LP_END_FULL,     /* there was no room for more */
    LP_END_UNKNOWN
};

struct lp_registers {
    uintptr_t ip, sp, bp;
};

/* Goes to the frame above. false: it is not consistent, or there is none (bp is 0). */
bool lp_frame_above(struct lp_registers *r);

/* Takes the frames from `base` on, which is a frame of ours: our functions have frame pointers. If
 * `words` is not NULL, it receives the words that the frames depend on. */
uint32_t lp_frames_walk(uintptr_t base, uintptr_t *frames, uint32_t max,
                        struct lp_stackcache_words *words, enum lp_stack_end *end);

#endif
