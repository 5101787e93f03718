/*
 * Names for what threads wait in: the system call, and what a futex belongs to.
 */
#ifndef LP_INSPECT_CALLS_H
#define LP_INSPECT_CALLS_H

#include <stdbool.h>
#include <stdint.h>

struct lp_call {
    long number;
    const char *name;
    bool fd; /* the first argument is a descriptor */
};

/* NULL: it has no name here and is shown by number. */
const struct lp_call *lp_call_of(long number);

/* What the function of libc in this stack waits for: "mutex", "condition". NULL: not known. */
const char *lp_call_waits_for(uint32_t stack);

#endif
