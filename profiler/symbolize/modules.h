/*
 * What is or was loaded where, for looking up names: the objects of record/loaded.h with their
 * paths, found by address. The records of one object at one place are one module. A module that was
 * unloaded is kept, so that old stacks keep their names. Profiler's thread only.
 */
#ifndef LP_SYMBOLIZE_MODULES_H
#define LP_SYMBOLIZE_MODULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record/loaded.h"

struct lp_module {
    const struct lp_image *image; /* segments, bias, build id */
    char *path;                   /* absolute; "[vdso]" */
    bool gone;                    /* it was unloaded */
    bool main;                    /* the program itself, which is the first module */
    bool own;                     /* the profiler */
    bool nameless;                /* a look-up in it found no symbol */
    bool too_large;               /* it has debug information, but more than may be read */
    char *package;                /* see symbolize/nameless.c; NULL: not searched yet */
    void *symbols;                /* used by symbolize/readers.c */
};

/* Records what was loaded or unloaded since the last call. Call it before names are looked up. */
void lp_modules_refresh(void);

size_t lp_modules_count(void);
struct lp_module *lp_module_at(size_t i);

/* The module that has this address in an executable segment, preferably a loaded one. NULL: there
 * is none. */
struct lp_module *lp_module_find(uintptr_t address);

/* The module that the address belonged to when this stack was first taken. NULL: none, or it is not
 * known which. */
struct lp_module *lp_module_of(uint32_t stack, uintptr_t address);

/* The number of the segment that contains the address. */
uint32_t lp_module_segment(const struct lp_module *module, uintptr_t address);

#endif
