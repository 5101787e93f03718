/*
 * The interface between cache.c, which caches symbols, and symbols.c, which looks them up.
 */
#ifndef LP_SYMBOLIZE_LOOKUP_H
#define LP_SYMBOLIZE_LOOKUP_H

#include "symbolize/pool.h"
#include "symbolize/symbols.h"

/* Makes a symbol in this pool from the object's files. module may be NULL. NULL: no memory. */
struct lp_symbol *lp_symbol_look_up(struct lp_pool *pool, struct lp_module *module,
                                    uintptr_t address);

#endif
