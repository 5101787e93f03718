/*
 * What is or was loaded where, as names are looked up in it: the objects of record/loaded.h with
 * their paths, found by address. The records of one object at one place are one module. A module
 * that has gone stays, so that old stacks keep their names. Profiler's thread only.
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
    bool gone;                    /* unloaded since */
    bool main;                    /* the program itself: stands first */
    bool own;                     /* the profiler */
    bool nameless;                /* an address was looked up, and no symbol was found */
    bool too_large;               /* there is debug information, but more than may be read */
    char *package;                /* see symbolize/nameless.c; NULL: not looked for yet */
    void *symbols;                /* belongs to symbolize/readers.c */
};

/* Notes what was loaded or unloaded since. Call before names are looked up. */
void lp_modules_refresh(void);

size_t lp_modules_count(void);
struct lp_module *lp_module_at(size_t i);

/* The module that holds this address in an executable segment, a living one if there is one.
 * NULL: none does. */
struct lp_module *lp_module_find(uintptr_t address);

/* The module that the address belonged to when this stack was first taken. NULL: none, or it cannot
 * be told which. */
struct lp_module *lp_module_of(uint32_t stack, uintptr_t address);

/* The number of the segment that holds the address. */
uint32_t lp_module_segment(const struct lp_module *module, uintptr_t address);

#endif
