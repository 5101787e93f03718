/*
 * Stacks that are known by heart.
 *
 * A program allocates from the same place above the same stack again and again. When such a stack
 * was taken, it was noted which words of it decided what the unwinder said: every return address,
 * and every frame pointer that was saved between them. If the same thread asks again from a frame
 * at the same address, and all those words are what they were, then the stack is what it was: from
 * one frame its return address leads to the same unwind rule, and the rule to the next frame. That
 * is thirty comparisons instead of an unwinding.
 *
 * (A frame whose rule reads yet another word, as after a realignment of the stack for AVX, is taken
 * for the same when all the words beside it are. Stacks with a signal frame are not kept.)
 *
 * One table for all threads, two megabytes when all of it is in use; what asks seldom is not kept.
 * An entry is copied before its words are compared, so a torn one is never followed. Any thread, no
 * lock, no allocation but of the table; not in a handler that interrupted the profiler
 * (lp_self.busy).
 */
#ifndef LP_RECORD_STACKCACHE_H
#define LP_RECORD_STACKCACHE_H

#include <stdbool.h>
#include <stdint.h>

enum { LP_STACKCACHE_WORDS = 96 };

/* What the stack above a frame hangs on, in words up from it. */
struct lp_stackcache_words {
    uint32_t n; /* more than LP_STACKCACHE_WORDS: too many, or of a kind that cannot be kept */
    uint16_t offset[LP_STACKCACHE_WORDS];
    uintptr_t value[LP_STACKCACHE_WORDS];
};

/* Notes one word; what lies below the frame is not of the stack above it. */
void lp_stackcache_note(struct lp_stackcache_words *words, uintptr_t frame, uintptr_t address);

/* The number of the stack (record/stacks.h) of this thread above `frame`; LP_STACK_NONE when it is
 * not known, and then whether it was asked for often enough to be worth knowing. `caller` is any
 * address that tells the places apart that ask from one frame. */
uint32_t lp_stackcache_find(uintptr_t frame, uintptr_t caller, bool *wanted);

void lp_stackcache_keep(uintptr_t frame, uintptr_t caller, const struct lp_stackcache_words *words,
                        uint32_t stack);

/* Code has gone: nothing of what was kept is true any more. */
void lp_stackcache_forget(void);

#endif
