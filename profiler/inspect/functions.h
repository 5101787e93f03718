/*
 * Where a function of a loaded object begins and ends, by the search table of its unwind
 * information (.eh_frame_hdr, Linux Standard Base Core 5.0, 10.6.2). It knows static functions,
 * too, and stripped objects have it. The end is where the next function begins.
 */
#ifndef LP_INSPECT_FUNCTIONS_H
#define LP_INSPECT_FUNCTIONS_H

#include <stdbool.h>
#include <stdint.h>

struct lp_function {
    uintptr_t start, end; /* end: one past the last byte */
};

/* The function that this address lies in. false: not known, or the table has another format than
 * that which ld writes. The object must stay loaded meanwhile. */
bool lp_function_at(uintptr_t address, struct lp_function *function);

/* The function that this one ends in: the target of a jump to the beginning of another function of
 * the same object. false: there is none. */
bool lp_function_jumps_to(const struct lp_function *function, struct lp_function *target);

#endif
