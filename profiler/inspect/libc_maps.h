/*
 * What libc maps inside itself, known by what stands in it: thread stacks, malloc's arenas, and
 * malloc's large blocks, each with a mapping of its own. glibc's layout (2.26 and later, x86-64),
 * checked before it is believed. Call between lp_peek_begin() and lp_peek_end() (inspect/peek.h).
 */
#ifndef LP_INSPECT_LIBC_MAPS_H
#define LP_INSPECT_LIBC_MAPS_H

#include <stddef.h>
#include <stdint.h>

/* Each returns where what begins at `start` ends, at most at `end`; 0: it is no such thing. */

/* Accessible memory that begins above a guard page, or at `start`. *self: the pthread_t whose stack
 * it is or was. */
uintptr_t lp_libc_stack(uintptr_t start, uintptr_t end, uintptr_t *self);

/* Of an arena that is not the main one, with what it has in reserve. */
uintptr_t lp_libc_arena(uintptr_t start, uintptr_t end);

/* malloc()'s block. */
uintptr_t lp_libc_block(uintptr_t start, uintptr_t end);

#endif
