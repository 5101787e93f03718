/*
 * Blocks that a scene has lost, for its reset to find. They are remembered inverted and outside the
 * heap, so that nothing in memory points to them: to a leak checker that looks for pointers they
 * are as lost as the scene says. Each list is protected by its scene's lock.
 */
#ifndef LEAKS_HIDDEN_H
#define LEAKS_HIDDEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HIDDEN_MAX = 1 << 16 };

/* All zero to begin with; make it static. */
struct hidden {
    size_t n;
    uintptr_t inverted[HIDDEN_MAX];
};

/* Has it room for n more? Ask before anything is lost: what cannot be remembered must not be. */
static inline bool hidden_has_room(const struct hidden *hidden, size_t n)
{
    return n <= HIDDEN_MAX - hidden->n;
}

static inline void hidden_put(struct hidden *hidden, const void *block)
{
    hidden->inverted[hidden->n++] = ~(uintptr_t)block;
}

/* Any one of them; NULL when there are none. */
static inline void *hidden_take(struct hidden *hidden)
{
    return hidden->n > 0 ? (void *)~hidden->inverted[--hidden->n] : NULL;
}

#endif
