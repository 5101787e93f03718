/*
 * For record/callstack.c: frames as libunwind or the frame pointers give them, leaf first, with
 * those of the profiler among them. Any context, with lp_self.busy set.
 */
#ifndef LP_RECORD_UNWINDER_H
#define LP_RECORD_UNWINDER_H

#include <stdbool.h>
#include <stdint.h>

#include "record/framepointers.h"
#include "record/stackcache.h"

bool lp_unwinder_loaded(void);

/* Is this address in libunwind? If it calls a hook, the program is unwinding, and this thread may
 * hold libunwind's lock. */
bool lp_unwinder_at(uintptr_t address);

/* Counts a stack that was taken by frame pointers, because libunwind is not loaded, as a loss. */
void lp_unwinder_count_loss(void);

/* Takes the frames from the caller on. `base` is a frame of ours below it. If `words` is not NULL,
 * it receives the words above `base` that the frames depend on. Returns their number. 0: libunwind
 * must not be entered now, which is counted as a loss. */
uint32_t lp_unwinder_here(uintptr_t *raw, uint32_t max, struct lp_stackcache_words *words,
                          uintptr_t base, enum lp_stack_end *end);

/* Takes the frames that a signal interrupted. The first address is exact. */
uint32_t lp_unwinder_context(uintptr_t *frames, uint32_t max, void *ucontext,
                             enum lp_stack_end *end);

#endif
