/*
 * A cache of stacks.
 *
 * A program allocates from the same place with the same stack many times. When such a stack is
 * taken, the words on it that determine the unwinder's result are stored: every return address, and
 * every saved frame pointer that points to the stack. If the same thread looks up a stack from a
 * frame at the same address, and all those words are unchanged, then the stack is unchanged: the
 * return address of a frame leads to the same unwind rule, and the rule leads to the next frame.
 * That takes thirty comparisons instead of an unwinding.
 *
 * (If the rule of a frame reads another word, as after a realignment of the stack for AVX, that
 * word is not compared. Stacks with a signal frame are not cached.)
 *
 * There is one table for all threads. It takes two megabytes if all of it is in use. A stack that
 * is taken rarely is not cached. The version of an entry is compared around each use, so a
 * half-written entry is never used. Any thread, no lock; not in a signal handler that interrupted
 * the profiler (lp_self.busy).
 */
#ifndef LP_RECORD_STACKCACHE_H
#define LP_RECORD_STACKCACHE_H

#include <stdbool.h>
#include <stdint.h>

enum { LP_STACKCACHE_WORDS = 96 }; /* a multiple of four */

/* The words that determine the stack above a frame. Offsets are in words, up from the frame. */
struct lp_stackcache_words {
    uint32_t n; /* more than LP_STACKCACHE_WORDS: too many, or of a kind that cannot be cached */
    uint16_t offset[LP_STACKCACHE_WORDS];
    uintptr_t value[LP_STACKCACHE_WORDS];
};

/* Adds one word. A word below the frame is ignored, because it is not part of the stack above. */
void lp_stackcache_note(struct lp_stackcache_words *words, uintptr_t frame, uintptr_t address);

/* Adds a saved frame pointer. Code without frame pointers has any value in that register, often
 * another one at each call. A value that does not point above the frame leads to no frame, and is
 * not compared. */
void lp_stackcache_note_pointer(struct lp_stackcache_words *words, uintptr_t frame,
                                uintptr_t address);

/* Returns the number (record/stacks.h) of this thread's stack above `frame`. LP_STACK_NONE: it is
 * not cached, and *wanted is true if it was looked up often enough to be. `caller` is any address
 * that distinguishes look-ups from the same frame. */
uint32_t lp_stackcache_find(uintptr_t frame, uintptr_t caller, bool *wanted);

void lp_stackcache_keep(uintptr_t frame, uintptr_t caller, const struct lp_stackcache_words *words,
                        uint32_t stack);

/* Invalidates all entries, after code was unloaded. */
void lp_stackcache_forget(void);

#endif
