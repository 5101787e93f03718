/*
 * What is loaded where: the executable, shared libraries, the vdso. The list is read from the
 * loader when a profile is written, and objects that have gone stay in it, so that old stacks keep
 * their names. Profiler's thread only.
 */
#ifndef LP_CAPTURE_MODULES_H
#define LP_CAPTURE_MODULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lp_module {
    uintptr_t start, limit; /* of the executable segment, page aligned */
    uintptr_t offset;       /* of that segment in the file */
    uintptr_t bias;         /* load address: run-time address less the file's own */
    char *path;             /* absolute; "[vdso]" */
    char build_id[65];      /* hex; "" when it has none */
    bool gone;              /* unloaded since */
    bool main;              /* the program itself: stands first */
    bool own;               /* libleakprof.so */
    void *symbols;          /* belongs to export/symbols.c */
};

/* Reads the loader's list anew. */
void lp_modules_refresh(void);

size_t lp_modules_count(void);
struct lp_module *lp_module_at(size_t i);

/* The module whose executable segment holds this address, living ones first; NULL: none. */
struct lp_module *lp_module_find(uintptr_t address);

#endif
