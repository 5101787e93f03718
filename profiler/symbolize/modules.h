/*
 * What is or was loaded where, as names are looked up in it: the objects of record/loaded.h with
 * their paths, found by address. An object that has gone stays, so that old stacks keep their
 * names. Profiler's thread only.
 */
#ifndef LP_SYMBOLIZE_MODULES_H
#define LP_SYMBOLIZE_MODULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record/loaded.h"

struct lp_module {
    uintptr_t start, limit; /* of the executable segment, page aligned */
    uintptr_t offset;       /* of that segment in the file */
    uintptr_t bias;         /* load address: run-time address less the file's own */
    char *path;             /* absolute; "[vdso]" */
    char build_id[65];      /* hex; "" when it has none */
    bool gone;              /* unloaded since */
    bool main;              /* the program itself: stands first */
    bool own;               /* libleakprof.so */
    uint32_t nstays;        /* when it was there */
    struct lp_stay stays[LP_STAYS_MAX];
    void *symbols; /* belongs to symbolize/symbols.c */
};

/* Looks at the loader's list. */
void lp_modules_refresh(void);

size_t lp_modules_count(void);
struct lp_module *lp_module_at(size_t i);

/* The module whose executable segment holds this address, living ones first; NULL: none. */
struct lp_module *lp_module_find(uintptr_t address);

/* The module that the address belonged to when this stack was first taken; NULL: none, or it cannot
 * be told which. */
struct lp_module *lp_module_of(uint32_t stack, uintptr_t address);

#endif
