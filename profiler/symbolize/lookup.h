/*
 * Between answers.c, which remembers, and symbols.c, which finds out.
 */
#ifndef LP_SYMBOLIZE_LOOKUP_H
#define LP_SYMBOLIZE_LOOKUP_H

#include "symbolize/symbols.h"

/* A new answer, found in the object's files. module may be NULL. NULL when memory is out. */
struct lp_symbol *lp_symbol_look_up(struct lp_module *module, uintptr_t address);

#endif
