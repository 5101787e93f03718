/*
 * What was loaded where, and when: every object that the loader was ever seen to have.
 *
 * An address means what was there when the stack was taken, and something else may be there by now.
 * Stacks are numbered as they first come (record/stacks.h), and these numbers are the clock here:
 * an object's stay is the range of numbers that were given out while it was there. So telling
 * libraries apart that had the same addresses one after the other costs a sample nothing.
 *
 * What is not told apart: two stacks of the same addresses throughout, for they are one; and a
 * stack that came between the look that missed an object and the first that found it, which is
 * taken for the object's. A stack that by its number may belong to two objects belongs to neither.
 *
 * Any thread may look. No malloc, and no lock that the program could hold longer than the loader's.
 */
#ifndef LP_RECORD_LOADED_H
#define LP_RECORD_LOADED_H

#include <stdbool.h>
#include <stdint.h>

enum { LP_STAYS_MAX = 8 }; /* of one object at one place; when there are more, the last goes on */

/* Of the stacks from <= number < to; UINT32_MAX: it is still there. */
struct lp_stay {
    uint32_t from, to;
};

struct lp_loaded {
    uintptr_t start, limit; /* of the executable segment, page aligned */
    uintptr_t offset;       /* of that segment in the file */
    uintptr_t bias;         /* load address: run-time address less the file's own */
    const char *name;       /* the loader's, made absolute; "" is the program; lives on */
    char build_id[65];      /* hex; "" when it has none */
    uint32_t nstays;
    struct lp_stay stays[LP_STAYS_MAX];
};

/* Looks at the loader's list, if that has changed. What is loaded and unloaded between two looks is
 * never known, so hooks/loader.c looks before every dlclose(), and after it to know when. Keeps
 * errno. */
void lp_loaded_look(void);

/* How many objects there are or were, the program first; and what is known of one. */
uint32_t lp_loaded_count(void);
struct lp_loaded lp_loaded_get(uint32_t i);

/* In a forked child. */
void lp_loaded_forked(void);

#endif
