/*
 * Which object was loaded where, and when.
 *
 * An address means the object that was there when its stack was taken. Another object may be there
 * by now. Stacks are numbered as they first come (record/stacks.h), and these numbers are the clock
 * here: a record holds for the stacks from <= number < to.
 *
 * An object is noted when the first new stack with an address in it is interned, by
 * _dl_find_object(): no lock, no allocation, safe in signal handlers. It is marked as gone when
 * _dl_find_object() no longer knows it. hooks/loader.c checks that after each dlclose(), the
 * profiler's thread before it looks names up. An object that comes back gets a new record.
 *
 * Not told apart: two stacks of the same addresses (they are one stack), and stacks that come
 * between an unload that no hook sees and the next check. A stack that by its number may belong to
 * two objects belongs to neither.
 *
 * _dl_find_object() needs glibc 2.35. For an older one the profiler's thread would have to copy the
 * list of dl_iterate_phdr() now and then, and a note would search that copy.
 */
#ifndef LP_RECORD_LOADED_H
#define LP_RECORD_LOADED_H

#include <stdbool.h>
#include <stdint.h>

#include "record/image.h"

enum { LP_LOADED_PRESENT = UINT32_MAX };

struct lp_loaded {
    const struct lp_image *image; /* lives on */
    uint32_t first;               /* number of the first record of this object at this place */
    uint32_t from, to;            /* stack numbers; LP_LOADED_PRESENT: it is still there */
};

/* Notes the objects that these addresses of a new stack lie in. Call it before others can see the
 * stack. Any context. What has no place is a loss. */
void lp_loaded_note(const uintptr_t *frames, uint32_t n, uint32_t stack);

/* Marks the objects that have gone; true: there were some. The profiler's thread also compares
 * build ids: another build may have taken an object's place. Any context. */
bool lp_loaded_check(void);

/* How many records there are, the program's first, and one of them. false: it is not complete. */
uint32_t lp_loaded_count(void);
bool lp_loaded_get(uint32_t i, struct lp_loaded *loaded);

#endif
