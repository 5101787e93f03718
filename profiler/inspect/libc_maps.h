/*
 * Recognizes by their contents what libc maps for itself: thread stacks, malloc's arenas, and large
 * blocks of malloc that have a mapping each. It relies on glibc's layout (2.26 and later, x86-64),
 * and checks it first. Call between lp_peek_begin() and lp_peek_end() (sys/peek.h).
 */
#ifndef LP_INSPECT_LIBC_MAPS_H
#define LP_INSPECT_LIBC_MAPS_H

#include <stddef.h>
#include <stdint.h>

/* Each returns the end of the object that begins at `start`, at most `end`. 0: it is not one. */

/* A thread's stack, without its guard page. *self: the pthread_t that it belongs or belonged to. */
uintptr_t lp_libc_stack(uintptr_t start, uintptr_t end, uintptr_t *self);

/* A heap of an arena other than the main one, with its reserve. */
uintptr_t lp_libc_arena(uintptr_t start, uintptr_t end);

/* A block of malloc(). */
uintptr_t lp_libc_block(uintptr_t start, uintptr_t end);

#endif
