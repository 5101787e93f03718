/* Where a stack begins, by name: tests are linked so that the names of their functions, which are
 * not static then, can be found. */
#ifndef TESTS_UNIT_LEAF_H
#define TESTS_UNIT_LEAF_H

#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>

#include "record/stacks.h"

/* "" when it is not known. */
static inline const char *leaf_of(uint32_t id)
{
    struct lp_stack stack = lp_stack_get(id);
    Dl_info info;
    bool found = stack.nframes && dladdr((void *)stack.frames[0], &info) && info.dli_sname;
    return found ? info.dli_sname : "";
}

#endif
