/*
 * Following frames by frame pointers, where there are no unwind tables, or nobody to read them yet.
 * A frame is followed as far as it is consistent: it lies above the one before, its memory can be
 * read, and its return address lies in code, behind a call. No lock, no allocation; any context.
 */
#ifndef LP_RECORD_FRAMEPOINTERS_H
#define LP_RECORD_FRAMEPOINTERS_H

#include <stdbool.h>
#include <stdint.h>

#include "record/stackcache.h"

/* Why the frames of a stack ended where they did. */
enum lp_stack_end {
    LP_END_COMPLETE, /* nothing called the outermost frame */
    LP_END_CUT,      /* the next frame could not be found */
    LP_END_FULL,     /* there was no room for more */
    LP_END_UNKNOWN
};

struct lp_registers {
    uintptr_t ip, sp, bp;
};

/* Goes to the frame above. false: it is not consistent, or there is none (bp is 0). */
bool lp_frame_above(struct lp_registers *r);

/* Frames from the one at `base` on, which is a function of ours: these have frame pointers. Notes
 * in `words`, if wanted, what they depend on. */
uint32_t lp_frames_walk(uintptr_t base, uintptr_t *frames, uint32_t max,
                        struct lp_stackcache_words *words, enum lp_stack_end *end);

#endif
