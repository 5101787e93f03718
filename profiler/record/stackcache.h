/*
 * A cache of stacks.
 *
 * A program allocates from the same place with the same stack many times. When such a stack is
 * taken, the words on it that determine the unwinder's result are noted: every return address, and
 * every frame pointer that is saved between them. If the same thread asks again from a frame at the
 * same address, and all those words are the same, then the stack is the same: the return address of
 * a frame leads to the same unwind rule, and the rule leads to the next frame. That takes thirty
 * comparisons instead of an unwinding.
 *
 * (If the rule of a frame reads yet another word, as after a realignment of the stack for AVX, that
 * word is not compared. Stacks with a signal frame are not cached.)
 *
 * One table for all threads, two megabytes if all of it is in use. A stack that is taken rarely is
 * not cached. An entry is copied before its words are compared, so one that is being written is
 * never used. Any thread, no lock; not in a signal handler that interrupted the profiler
 * (lp_self.busy).
 */
#ifndef LP_RECORD_STACKCACHE_H
#define LP_RECORD_STACKCACHE_H

#include <stdbool.h>
#include <stdint.h>

enum { LP_STACKCACHE_WORDS = 96 };

/* The words that determine the stack above a frame; offsets are in words, up from it. */
struct lp_stackcache_words {
    uint32_t n; /* more than LP_STACKCACHE_WORDS: too many, or of a kind that cannot be kept */
    uint16_t offset[LP_STACKCACHE_WORDS];
    uintptr_t value[LP_STACKCACHE_WORDS];
};

/* Notes one word. One below the frame is ignored: it is not of the stack above it. */
void lp_stackcache_note(struct lp_stackcache_words *words, uintptr_t frame, uintptr_t address);

/* The number of the stack (record/stacks.h) of this thread above `frame`. LP_STACK_NONE: it is not
 * cached; *wanted says whether it was asked for often enough to be. `caller` is any address that
 * distinguishes the places that ask from one frame. */
uint32_t lp_stackcache_find(uintptr_t frame, uintptr_t caller, bool *wanted);

void lp_stackcache_keep(uintptr_t frame, uintptr_t caller, const struct lp_stackcache_words *words,
                        uint32_t stack);

/* Code was unloaded: every entry is invalid. */
void lp_stackcache_forget(void);

#endif
