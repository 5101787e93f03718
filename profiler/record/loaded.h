/*
 * Which object was loaded where, and when.
 *
 * An address means the object that was there when its stack was taken. Another object may be there
 * now. Stacks are numbered in the order in which they are first recorded (record/stacks.h), and
 * these numbers serve as time: a record holds for the stacks from <= number < to.
 *
 * An object is recorded when the first new stack with an address in it is interned, by
 * lp_find_object(): no lock, no allocation, safe in signal handlers. It is marked as gone when
 * lp_find_object() no longer finds it. hooks/loader.c checks that after each dlclose(), and the
 * profiler's thread before it looks up names. An object that is loaded again gets a new record.
 *
 * Two cases are not distinguished: two stacks with the same addresses (they are one stack), and
 * stacks that are taken between an unload that no hook sees and the next check. If a stack may
 * belong to two objects by its number, it is attributed to neither.
 */
#ifndef LP_RECORD_LOADED_H
#define LP_RECORD_LOADED_H

#include <stdbool.h>
#include <stdint.h>

#include "record/image.h"

enum { LP_LOADED_PRESENT = UINT32_MAX };

struct lp_loaded {
    const struct lp_image *image; /* never freed */
    uint32_t first;               /* number of the first record of this object at this place */
    uint32_t from, to;            /* stack numbers; LP_LOADED_PRESENT: it is still loaded */
};

/* Records the objects that these addresses of a new stack lie in. Call it before other threads can
 * see the stack. Any context. An object without a place is a loss. */
void lp_loaded_note(const uintptr_t *frames, uint32_t n, uint32_t stack);

/* Marks the objects that are gone. true: there were some. On the profiler's thread it also compares
 * build ids, because another build may have taken an object's place. Any context. */
bool lp_loaded_check(void);

/* The number of records (the program's is the first), and one of them. false: it is not complete.
 */
uint32_t lp_loaded_count(void);
bool lp_loaded_get(uint32_t i, struct lp_loaded *loaded);

#endif
